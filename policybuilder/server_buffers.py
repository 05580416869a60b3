"""Server buffers: how much room servers and proxies have by default for the headers of a response."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerBuffer:
    """How much room a server or proxy has by default for the headers of a response."""

    software: str
    setting: str
    size_bytes: int
    holds_all: bool
    """Whether all headers of a response have to fit in, or each by itself."""

    source: str


SERVER_BUFFERS = (
    ServerBuffer(
        # One page of memory, which is 8 KiB on some platforms.
        *("nginx as a proxy", "proxy_buffer_size", 4_096),
        holds_all=True,
        source="https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size",
    ),
    ServerBuffer(
        *("nginx before FastCGI, as PHP", "fastcgi_buffer_size", 4_096),
        holds_all=True,
        source="https://nginx.org/en/docs/http/ngx_http_fastcgi_module.html#fastcgi_buffer_size",
    ),
    ServerBuffer(
        *("Tomcat", "maxHttpResponseHeaderSize", 8_192),
        holds_all=True,
        source="https://tomcat.apache.org/tomcat-10.1-doc/config/http.html",
    ),
    ServerBuffer(
        *("Jetty", "responseHeaderSize", 8_192),
        holds_all=True,
        source="https://github.com/jetty/jetty.project/issues/6204",
    ),
    ServerBuffer(
        *("Apache httpd as a proxy", "responsefieldsize", 8_192),
        holds_all=False,
        source="https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxypass",
    ),
    ServerBuffer(
        *("Varnish", "http_resp_hdr_len", 8_192),
        holds_all=False,
        source="https://varnish-cache.org/docs/trunk/reference/varnishd.html#http-resp-hdr-len",
    ),
    ServerBuffer(
        # tune.bufsize, less tune.maxrewrite.
        *("HAProxy", "tune.bufsize", 15_360),
        holds_all=True,
        source="https://docs.haproxy.org/3.2/configuration.html#3.2-tune.bufsize",
    ),
    ServerBuffer(
        *("Node.js as a proxy", "--max-http-header-size", 16_384),
        holds_all=True,
        source="https://nodejs.org/api/cli.html#--max-http-header-sizesize",
    ),
    ServerBuffer(
        *("AWS Application Load Balancer", "entire response header, fixed", 32_768),
        holds_all=True,
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html",
    ),
    ServerBuffer(
        *("Fastly", "response header size, fixed", 70_656),
        holds_all=True,
        source="https://www.fastly.com/documentation/reference/vcl/constraints-and-limitations",
    ),
)
"""From the smallest up. Limits of requests, as Apache's LimitRequestFieldSize and those of IIS, concern no policy."""

WARN_BYTES = 2_560
"""Twice that, as where a report-only policy is tried beside the enforced one, does not fit the smallest of them."""

REFUSE_BYTES = 8_192
"""More than this, alone, does not fit many of them."""


def buffers_too_small(header_bytes: int) -> tuple[ServerBuffer, ...]:
    """The servers that have no room by default for headers of that size."""
    return tuple(buffer for buffer in SERVER_BUFFERS if header_bytes > buffer.size_bytes)
