-- For wrk: POST the file named by BODY with the headers of the openai SDK and the key in KEY.
local file = assert(io.open(os.getenv("BODY")))
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Accept"] = "application/json"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
wrk.headers["User-Agent"] = "OpenAI/Python 3.54.0"
wrk.headers["X-Stainless-Arch"] = "x64"
wrk.headers["X-Stainless-Async"] = "false"
wrk.headers["X-Stainless-Lang"] = "python"
wrk.headers["X-Stainless-OS"] = "Linux"
wrk.headers["X-Stainless-Package-Version"] = "3.54.0"
wrk.headers["X-Stainless-Runtime"] = "CPython"
wrk.headers["X-Stainless-Runtime-Version"] = "3.11.7"
wrk.headers["x-stainless-retry-count"] = "0"
