"""One exchange on its way: the parts from which the proxy tells the life of a request."""
