/* A language model provider for measuring: HTTP/1.1, OpenAI dialect, fixed answers, nothing to wait for.
 *
 *   provider PORT [CERT KEY]       with CERT and KEY (PEM; built with -DTLS) it speaks TLS
 *
 * A body with "stream": true gets EVENTS server-sent events, then usage and [DONE]; any other gets one JSON answer.
 * POST /-/interval/MS sets the time between two events for the streams that follow (0: all at once, one write each).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
static SSL_CTX *tls;
#else
typedef void SSL;
#endif

enum { EVENTS = 50, MAX_EVENTS = 256 };

#define ID "\"id\":\"chatcmpl-B9xT1nqPZkYw\",\"created\":1760000000,\"model\":\"gpt-4o-mini-2024-07-18\","
#define USAGE                                                                                                          \
    "\"usage\":{\"prompt_tokens\":312,\"completion_tokens\":87,\"total_tokens\":399,"                                  \
    "\"prompt_tokens_details\":{\"cached_tokens\":128,\"audio_tokens\":0},"                                            \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}"
#define TEXT "A gateway stands between agents and providers and keeps the books while the bytes pass through it. "

typedef struct conn {
    int fd;
    SSL *ssl;
    char *in, *out;
    size_t in_len, in_cap, out_len, out_cap;
    int events_left; /* of the stream under way; -1: none */
    int64_t due_us, interval_us;
    bool dead, waits_for_room;
    struct conn *next;
} conn;

static conn *streams; /* paced streams under way */
static int64_t interval_us;
static int poller;
static char json_answer[2048], event_chunk[2048], last_chunk[2048];
static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                                  "x-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n";
static const char accepted[] = "HTTP/1.1 204 No Content\r\n\r\n";

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void make_answers(void) {
    char body[1536];
    snprintf(body, sizeof body,
             "{" ID "\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"" TEXT TEXT TEXT "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]," USAGE
             ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\"}");
    snprintf(json_answer, sizeof json_answer,
             "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\n"
             "openai-processing-ms: 12\r\ncontent-length: %zu\r\n\r\n%s",
             strlen(body), body);
    snprintf(body, sizeof body,
             "data: {" ID "\"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_bench\",\"choices\":"
             "[{\"index\":0,\"delta\":{\"content\":\" gateway\"},\"logprobs\":null,\"finish_reason\":null}],"
             "\"usage\":null}\n\n");
    snprintf(event_chunk, sizeof event_chunk, "%zx\r\n%s\r\n", strlen(body), body);
    snprintf(body, sizeof body,
             "data: {" ID "\"object\":\"chat.completion.chunk\",\"choices\":[]," USAGE "}\n\ndata: [DONE]\n\n");
    snprintf(last_chunk, sizeof last_chunk, "%zx\r\n%s\r\n0\r\n\r\n", strlen(body), body);
}

/* ---- bytes in and out: > 0 moved, 0 try later, < 0 over ---- */

static ssize_t later_or_over(ssize_t moved) { return moved < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1; }

#ifdef TLS
static ssize_t tls_result(conn *c, int moved) {
    if (moved > 0) return moved;
    int why = SSL_get_error(c->ssl, moved);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}
#endif

static ssize_t take(conn *c, char *to, size_t room) {
#ifdef TLS
    if (c->ssl) return tls_result(c, SSL_read(c->ssl, to, (int)room));
#endif
    ssize_t got = read(c->fd, to, room);
    return got > 0 ? got : later_or_over(got);
}

static ssize_t give(conn *c, const char *from, size_t size) {
#ifdef TLS
    if (c->ssl) return tls_result(c, SSL_write(c->ssl, from, (int)size));
#endif
    ssize_t put = send(c->fd, from, size, MSG_NOSIGNAL);
    return put > 0 ? put : later_or_over(put);
}

static void grow(char **buffer, size_t *cap, size_t wanted) {
    if (wanted <= *cap) return;
    while (*cap < wanted) *cap = *cap ? 2 * *cap : 16384;
    *buffer = realloc(*buffer, *cap);
}

static void want_room(conn *c, bool wanted) {
    if (c->waits_for_room == wanted) return;
    c->waits_for_room = wanted;
    struct epoll_event interest = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &interest);
}

static void flush(conn *c) {
    size_t done = 0;
    while (done < c->out_len) {
        ssize_t put = give(c, c->out + done, c->out_len - done);
        if (put < 0) c->dead = true;
        if (put <= 0) break;
        done += (size_t)put;
    }
    memmove(c->out, c->out + done, c->out_len - done);
    c->out_len -= done;
    want_room(c, c->out_len > 0 && !c->dead);
}

static void put(conn *c, const char *data, size_t size) {
    grow(&c->out, &c->out_cap, c->out_len + size);
    memcpy(c->out + c->out_len, data, size);
    c->out_len += size;
    flush(c);
}

/* ---- streams ---- */

static void next_event(conn *c) {
    if (c->events_left > 0) {
        c->events_left--;
        c->due_us += c->interval_us;
        put(c, event_chunk, strlen(event_chunk));
    } else {
        c->events_left = -1;
        put(c, last_chunk, strlen(last_chunk));
    }
}

static void begin_stream(conn *c) {
    c->events_left = EVENTS;
    c->interval_us = interval_us;
    c->due_us = now_us();
    put(c, stream_head, sizeof stream_head - 1);
    if (c->interval_us) {
        c->next = streams;
        streams = c;
        next_event(c);
    } else
        while (c->events_left >= 0) next_event(c);
}

/* ---- requests ---- */

static const char *header(const char *head, const char *name) {
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) : NULL;
}

/* Length of the body that begins at `body`; -1: not all here yet. */
static ssize_t body_length(const char *head, const char *body, size_t here) {
    const char *length = header(head, "\r\ncontent-length:");
    if (length) return atoll(length) <= (ssize_t)here ? atoll(length) : -1;
    if (!header(head, "\r\ntransfer-encoding: chunked")) return 0;
    size_t at = 0;
    for (;;) {
        const char *line_end = memmem(body + at, here - at, "\r\n", 2);
        if (!line_end) return -1;
        size_t size = strtoul(body + at, NULL, 16);
        at = (size_t)(line_end + 2 - body) + size + 2;
        if (at > here) return -1;
        if (size == 0) return (ssize_t)at;
    }
}

static void answer(conn *c, const char *head, const char *body, size_t size) {
    if (strncmp(head, "POST /-/interval/", 17) == 0) {
        interval_us = atoll(head + 17) * 1000;
        put(c, accepted, sizeof accepted - 1);
    } else if (memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14))
        begin_stream(c);
    else
        put(c, json_answer, strlen(json_answer));
}

static void serve(conn *c) {
    while (!c->dead && c->events_left < 0) {
        char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (!end) return;
        char *body = end + 4;
        end[2] = 0; /* the head as a string, its last line complete */
        ssize_t size = body_length(c->in, body, c->in_len - (size_t)(body - c->in));
        if (size >= 0) answer(c, c->in, body, (size_t)size);
        end[2] = '\r';
        if (size < 0) return;
        size_t used = (size_t)(body - c->in) + (size_t)size;
        memmove(c->in, c->in + used, c->in_len - used);
        c->in_len -= used;
    }
}

static void receive(conn *c) {
    for (;;) {
        grow(&c->in, &c->in_cap, c->in_len + 65536);
        ssize_t got = take(c, c->in + c->in_len, c->in_cap - c->in_len - 1);
        if (got < 0) c->dead = true;
        if (got <= 0) break;
        c->in_len += (size_t)got;
    }
    serve(c);
}

static void tick(void) {
    int64_t now = now_us();
    conn **link = &streams;
    while (*link) {
        conn *c = *link;
        while (!c->dead && c->events_left >= 0 && c->due_us <= now) next_event(c);
        if (!c->dead && c->events_left >= 0) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        serve(c);
    }
}

/* ---- connections ---- */

static void forget(conn *c) {
    for (conn **link = &streams; *link; link = &(*link)->next)
        if (*link == c) {
            *link = c->next;
            break;
        }
#ifdef TLS
    if (c->ssl) SSL_free(c->ssl);
#endif
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

static void welcome(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        conn *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->events_left = -1;
#ifdef TLS
        if (tls) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
#endif
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&where, sizeof where) || listen(fd, 4096)) {
        perror("provider: listen");
        exit(1);
    }
    return fd;
}

static void use_tls(const char *cert, const char *key) {
#ifdef TLS
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(tls, cert) == 1 && SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1)
        return;
    ERR_print_errors_fp(stderr);
#else
    (void)cert, (void)key;
    fprintf(stderr, "provider: built without TLS\n");
#endif
    exit(1);
}

int main(int count, char **words) {
    if (count != 2 && count != 4) {
        fprintf(stderr, "usage: provider PORT [CERT KEY]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    make_answers();
    if (count == 4) use_tls(words[2], words[3]);
    int listener = listen_on(atoi(words[1]));
    poller = epoll_create1(0);
    struct epoll_event ready[MAX_EVENTS], interest = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest);
    for (;;) {
        int number = epoll_wait(poller, ready, MAX_EVENTS, streams ? 1 : -1);
        for (int i = 0; i < number; i++) {
            conn *c = ready[i].data.ptr;
            if (!c) {
                welcome(listener);
                continue;
            }
            if (ready[i].events & EPOLLOUT) flush(c);
            if (ready[i].events & ~EPOLLOUT) receive(c);
            if (c->dead) forget(c);
        }
        tick();
    }
}
