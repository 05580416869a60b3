"""Transport: whether the page comes over https, by which certificate, and what plain http answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from policybuilder.csp.urls import URL, parse_url
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import Material, Visit
from policybuilder.grading.own.judging import judged, shown, untested
from policybuilder.plurals import plural
from policybuilder.scanner.pages import FetchReason, Response

_OLD_TLS = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})
"""https://www.rfc-editor.org/rfc/rfc8996"""

_SOON = timedelta(days=7)
"""Certificates that are renewed by themselves are so with more time left, but for the shortest-lived ones."""

_Said = Callable[[str, str, str | None], Judgement]

_SILENT = frozenset({FetchReason.UNREACHABLE, FetchReason.BROKEN_OFF, FetchReason.TIMEOUT})


def judge_https(material: Material) -> Iterator[Judgement]:
    """Whether the page comes over https, and what its certificate says."""
    response = material.page.response
    url = parse_url(material.url if response is None else response.url)
    if url is None or (url.scheme != "https" and url.is_loopback):
        yield untested("https", "The page is this machine's own, which browsers trust without https.")
        return
    if not _is_certificate_valid(material):
        yield judged(
            "https",
            "invalid-certificate",
            "Browsers warn of the certificate; who goes on all the same cannot tell the site from another.",
            fix="Get a certificate for this host from an authority that browsers know, such as Let's Encrypt.",
        )
        return
    if url.scheme != "https":
        if not material.is_whole:
            yield untested("https", "One recorded answer does not tell whether the site has https.")
        else:
            yield judged(
                "https",
                "no-https",
                "The page comes over plain http: everybody on the way can read and change it.",
                fix="Serve the site over https, and redirect plain http to it.",
            )
        return
    problems = list(_of_connection(material, response))
    yield from problems
    if not problems:
        tls = None if response is None else response.tls
        version = f" ({shown(tls.version)})" if tls is not None and tls.version else ""
        # As --insecure has it: of a certificate that was not to be checked nothing is known.
        unchecked = "; its certificate was not checked" if tls is not None and tls.expires_at is None else ""
        yield judged("https", "secure", f"The page comes over https{version}{unchecked}.")


def _is_certificate_valid(material: Material) -> bool:
    visits = (material.page, material.https)
    return all(visit is None or visit.is_certificate_valid for visit in visits)


def _of_connection(material: Material, response: Response | None) -> Iterator[Judgement]:
    tls = None if response is None else response.tls
    if tls is None:
        return
    if tls.version in _OLD_TLS:
        yield judged(
            "https",
            "old-tls",
            f"The server spoke {tls.version} with us, which is broken and which browsers refuse.",
            value=tls.version,
            fix="Offer TLS 1.2 and 1.3 alone.",
        )
    if tls.expires_at is not None and material.seen_at is not None and tls.expires_at - material.seen_at < _SOON:
        days = max(0, (tls.expires_at - material.seen_at).days)
        yield judged(
            "https",
            "expires-soon",
            f"The certificate ends in {plural(days, 'day')}; if nothing renews it, visitors will be warned.",
            value=tls.expires_at.isoformat(),
            fix="See whether the renewal works.",
        )


def judge_http(material: Material) -> Iterator[Judgement]:
    """What who asks over plain http gets."""
    visit = material.http
    url = parse_url(material.url)
    page = material.page.response
    landed = None if page is None else parse_url(page.url)
    if url is None or url.is_loopback or (material.is_whole and landed is not None and landed.scheme == "http"):
        # The page itself is what plain http answers.
        return
    if visit is None:
        why = "Plain http was not asked." if material.is_whole else "One recorded answer does not tell."
        yield untested("http-redirect", why)
    elif visit.response is not None:
        yield _of_chain(material, visit, visit.response)
    elif not visit.is_certificate_valid or visit.reason is FetchReason.TLS:
        yield judged(
            "http-redirect",
            "to-invalid-certificate",
            "Plain http leads to https with a certificate that browsers refuse.",
            fix="Mend the certificate of the host that the redirect leads to.",
        )
    elif visit.reason in _SILENT:
        yield judged("http-redirect", "nothing-listens", "Nothing answers over plain http.")
    else:
        yield untested("http-redirect", f"Plain http brought no answer: {shown(visit.failure or 'no reason given')}")


def _of_chain(material: Material, visit: Visit, response: Response) -> Judgement:
    places = [redirect.url for redirect in response.redirects] + [response.url]
    value = " → ".join(place[:200] for place in places[:8])
    urls = [parse_url(place) for place in places]

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        return judged("http-redirect", result, message, value=value, fix=fix)

    secure = [url is not None and url.scheme == "https" for url in urls]
    if not visit.is_certificate_valid:
        return said(
            "to-invalid-certificate",
            "Plain http leads to https with a certificate that browsers refuse.",
            "Mend the certificate of the host that the redirect leads to.",
        )
    if not secure[-1]:
        # What is in the list of hosts that browsers visit over https alone never gets to see this answer.
        if material.preloaded_redirects:
            return said("preloaded", "Browsers know this host as one to visit over https alone.")
        return said(
            "never-https",
            "Who asks over plain http stays there, and anybody on the way can read and change the page.",
            "Redirect every http address to the same one with https, by 301 or 308.",
        )
    if True in secure and False in secure[secure.index(True) :]:
        return said(
            "back-to-http",
            "On its way the redirect leaves https for plain http once more.",
            "Let each redirect lead to https.",
        )
    if material.preloaded_redirects:
        return said("preloaded", "Browsers know each host on the way as one to visit over https alone.")
    return _of_first_hop(urls, secure, said)


def _of_first_hop(urls: Sequence[URL | None], secure: Sequence[bool], said: _Said) -> Judgement:
    if len(urls) > 1 and not secure[1]:
        return said(
            "first-hop-insecure",
            "The first redirect leads to plain http again, where the next answer can be replaced too.",
            "Redirect to https of the same host first, then elsewhere.",
        )
    first, second = (url.host if url is not None else "" for url in urls[:2]) if len(urls) > 1 else ("", "")
    if first != second:
        return said(
            "first-hop-elsewhere",
            f"Plain http of {shown(first)} leads straight to {shown(second)}, so browsers never learn to use https"
            f" for {shown(first)}.",
            f"Redirect to https://{shown(first)} first, and send Strict-Transport-Security there.",
        )
    return said("to-https", "Plain http leads to https of the same host at once.", None)
