"""Codes: every weakness by its stable name, why it is one, and where the specification says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Code(NamedTuple):
    """What is said of a weakness wherever it is found."""

    title: str
    """A few words, for lists of rules."""

    why: str
    """What it lets happen, for somebody who meets it for the first time."""

    link: str
    """Where the specification, or who found out, tells of it."""


_CSP = "https://w3c.github.io/webappsec-csp/#"
_TT = "https://w3c.github.io/trusted-types/dist/spec/#"
_RESEARCH = "https://research.google/pubs/csp-is-dead-long-live-csp-on-the-insecurity-of-whitelists-and-the-future-of-content-security-policy/"
_GADGETS = "https://github.com/google/security-research-pocs/tree/master/script-gadgets"

_ANYBODY_RUNS = (
    "Whoever can write into a page can have it load a script from there, and that script does all that the page can."
)
_NOTHING = "It looks as if it did something, and somebody may rely on it."
_PUBLISHERS = "Strangers publish there, so that allowing the host allows what they put there."

_ALL = {
    # Scripts
    "script-unrestricted": Code(
        "Scripts are not restricted",
        "Where no directive governs scripts, whatever script is injected runs: the policy does not stop what"
        " policies are"
        " for.",
        f"{_CSP}directive-script-src",
    ),
    "eval-unrestricted": Code(
        "Code made from strings is not restricted",
        "script-src-elem and script-src-attr govern elements and attributes alone. Strings that reach eval, new"
        " Function"
        " or a timer run as code.",
        f"{_CSP}can-compile-strings",
    ),
    "worker-unrestricted": Code(
        "Workers are not restricted",
        "A script that runs can go on in a worker of any address, out of the reach of what governs scripts.",
        f"{_CSP}directive-worker-src",
    ),
    "script-unsafe-inline": Code(
        "Inline scripts run",
        "An injected <script>, onclick or javascript: URL is inline code too. A browser cannot tell it from the page's"
        " own, unless that has a nonce or a digest.",
        f"{_CSP}allow-all-inline",
    ),
    "script-unsafe-eval": Code(
        "Strings run as code",
        "Text that an attacker controls and that reaches eval, new Function or a timer runs with all rights of the"
        " page.",
        f"{_CSP}can-compile-strings",
    ),
    "script-unsafe-hashes": Code(
        "Listed handlers run anywhere",
        "An attacker can put a handler that is listed onto another element, where it does something it was not meant"
        " to.",
        f"{_CSP}unsafe-hashes-usage",
    ),
    "script-any-host": Code("Scripts of every host run", _ANYBODY_RUNS, f"{_CSP}match-url-to-source-expression"),
    "script-data": Code(
        "Scripts in data: URLs run",
        "The address holds the script itself, so that this is 'unsafe-inline' by another name.",
        f"{_CSP}csp-directives",
    ),
    "script-blob": Code(
        "Scripts in blob: URLs run",
        "What the page's scripts put together from text and load again as a script runs. Where that text is an"
        " attacker's, it is eval by another name.",
        f"{_CSP}csp-directives",
    ),
    "script-registry-wildcard": Code(
        "Scripts of every name of a registry run",
        "The wildcard stands before a suffix under which anybody can have a name. " + _ANYBODY_RUNS,
        "https://publicsuffix.org/",
    ),
    "script-open-hosting": Code("Scripts that strangers publish run", f"{_PUBLISHERS} {_ANYBODY_RUNS}", _RESEARCH),
    "script-jsonp": Code(
        "Scripts with a callback run",
        "The host answers with a script that calls whatever function the address names, so that an injected tag with"
        " such"
        " an address runs code of the attacker's choice.",
        _RESEARCH,
    ),
    "script-framework": Code(
        "A framework turns markup into code",
        "With such a library on the page, injected markup needs no script of its own: the library runs what stands"
        " in it.",
        _GADGETS,
    ),
    "script-tag-manager": Code(
        "A tag manager runs anybody's tags",
        "An injected tag that names the attacker's own container has the manager run the attacker's tags, as far as the"
        " rest of the policy lets them.",
        "https://developers.google.com/tag-platform/security/guides/csp",
    ),
    "script-redirector": Code(
        "A redirect undoes a path",
        "A browser compares paths with the first address only, so as not to tell a page where it was led. Through a"
        " host"
        " that leads anywhere, all files of the other host can be had.",
        f"{_CSP}source-list-paths-and-redirects",
    ),
    "script-wildcard-host": Code(
        "Scripts of every host of a domain run",
        "Among all hosts below a name there tend to be some for uploads, tests and tenants, and names that point to a"
        " service which somebody else can take over.",
        "https://developer.mozilla.org/en-US/docs/Web/Security/Subdomain_takeovers",
    ),
    "script-allowlist": Code(
        "Scripts are trusted by their host",
        "Of policies that trust hosts, nineteen in twenty were found to let strangers' scripts in by some file on"
        " one of"
        " them. Nonces and digests trust scripts, not places.",
        _RESEARCH,
    ),
    "strict-dynamic-alone": Code(
        "'strict-dynamic' trusts nothing",
        "It hands on the trust of a script with a nonce or a digest, and switches hosts off. Without the first one no"
        " script of the page's markup runs.",
        f"{_CSP}strict-dynamic-usage",
    ),
    "worker-local-url": Code(
        "Workers run strings",
        "A worker of a blob: or data: URL runs text that the page put together.",
        f"{_CSP}directive-worker-src",
    ),
    # What is allowed too widely
    "exfiltration-any-host": Code(
        "Data can leave to any host",
        "What an attacker finds on the page, or a half-open tag swallows, can be sent to the attacker's own host.",
        f"{_CSP}exfiltration",
    ),
    "exfiltration-recorder": Code(
        "Data can leave to anybody's account",
        "The host is meant for the site's own account, and keeps an attacker's data as readily: the policy sees the"
        " host"
        " alone.",
        "https://securelist.com/web-skimming-with-google-analytics/97414/",
    ),
    "style-any-host": Code(
        "Style sheets of every host apply",
        "A style sheet can read what stands in attributes and tell it by the images it asks for, and can cover the"
        " page.",
        f"{_CSP}directive-style-src",
    ),
    "style-unsafe-inline": Code(
        "Inline styles apply",
        "Injected styles can cover the page, move what people click on, and with selectors read what stands in"
        " attributes."
        " They run no script.",
        f"{_CSP}directive-style-src",
    ),
    "object-any-source": Code(
        "Objects of every host are embedded",
        "Browsers run no plugins any more, but <object> and <embed> still show foreign documents inside the page.",
        f"{_CSP}directive-object-src",
    ),
    "base-uri-any-host": Code(
        "The base address can be moved",
        "An injected <base> makes every relative address of the page one of the attacker's host. Scripts with a"
        " nonce then"
        " come from there.",
        f"{_CSP}directive-base-uri",
    ),
    "frame-ancestors-any-host": Code(
        "Any site may frame the page",
        "In a frame that people do not see they click on the page without knowing it.",
        f"{_CSP}directive-frame-ancestors",
    ),
    "open-hosting": Code("Strangers publish on an allowed host", _PUBLISHERS, "https://publicsuffix.org/"),
    "insecure-scheme": Code(
        "Without encryption",
        "Whoever is between the visitor and the host reads and changes what passes. Most of what a page over https"
        " would load so is not loaded at all.",
        "https://w3c.github.io/webappsec-mixed-content/",
    ),
    "any-port": Code(
        "Every port of a host is allowed",
        "Another service of the same host, on a port that ordinary users can open, is allowed as well.",
        f"{_CSP}match-ports",
    ),
    "address-host": Code(
        "An address in place of a name",
        "The specification lets no address match but 127.0.0.1; where browsers do, whoever has the address next is"
        " trusted.",
        f"{_CSP}match-hosts",
    ),
    "loopback-host": Code(
        "The visitor's own machine is allowed",
        "Any program that listens on the visitor's machine can answer.",
        f"{_CSP}match-hosts",
    ),
    "lookalike-host": Code(
        "A host that looks like another",
        "One letter is easily taken for another. Domains with a slip in their name are registered by people who wait"
        " for"
        " them.",
        "https://www.unicode.org/reports/tr39/",
    ),
    # What is missing
    "base-uri-missing": Code(
        "base-uri is missing",
        "An injected <base> makes every relative address of the page one of the attacker's host; default-src does"
        " not stand"
        " in for base-uri. Scripts with a nonce then come from there.",
        f"{_CSP}directive-base-uri",
    ),
    "object-src-missing": Code(
        "object-src is missing",
        "Browsers run no plugins any more, but <object> and <embed> still show foreign documents inside the page.",
        f"{_CSP}directive-object-src",
    ),
    "form-action-missing": Code(
        "form-action is missing",
        "An injected form, or one whose address was changed, sends passwords that the browser fills in to anybody;"
        " default-src does not stand in for form-action.",
        f"{_CSP}directive-form-action",
    ),
    "frame-ancestors-missing": Code(
        "frame-ancestors is missing",
        "In a frame that people do not see they click on the page without knowing it; default-src does not stand in for"
        " frame-ancestors.",
        f"{_CSP}directive-frame-ancestors",
    ),
    "fetch-unrestricted": Code(
        "Some kinds of loads are not restricted",
        "What an attacker finds on the page can be sent anywhere through each of them, and what is loaded may be"
        " anybody's.",
        f"{_CSP}directive-default-src",
    ),
    # Nonces and digests
    "nonce-short": Code(
        "A nonce that can be guessed",
        "Who guesses the nonce puts it on a script. The specification asks for 128 random bits, anew for each"
        " response.",
        f"{_CSP}security-nonces",
    ),
    "nonce-repeated": Code(
        "A nonce that is used again",
        "Who saw one page knows the nonce of the next, and puts it on a script: a nonce protects only while it is new.",
        f"{_CSP}security-nonces",
    ),
    "dead-hash": Code(
        "A digest that matches nothing",
        f"It is cut, or of another algorithm than it says. {_NOTHING}",
        f"{_CSP}grammardef-hash-source",
    ),
    "experimental-hash": Code(
        "A digest that one browser tries out",
        "Where it is known it switches 'unsafe-eval' or the hosts of the list off, and lets something pass on sites"
        " of the"
        " trial alone.",
        "https://github.com/explainers-by-googlers/script-src-v2",
    ),
    # Trusted Types
    "trusted-types-missing": Code(
        "Trusted Types are not required",
        "Most injections today happen in the page's own scripts, which hand an attacker's string to innerHTML and"
        " the like."
        " Trusted Types close these sinks.",
        f"{_TT}require-trusted-types-for-csp-directive",
    ),
    "trusted-types-any-name": Code(
        "Any Trusted Types policy may be made",
        "Types are worth as much as the policies that make them: code that may make its own lets anything pass.",
        f"{_TT}trusted-types-csp-directive",
    ),
    # Reporting
    "report-to-unusable": Code(
        "report-to names no endpoint",
        "Browsers that know report-to do not look at report-uri then, and send nothing at all where the endpoint is not"
        " defined over https.",
        f"{_CSP}directive-report-to",
    ),
    "reports-nowhere": Code(
        "A policy that only reports reports nowhere",
        "It blocks nothing, and what it would have blocked is told to nobody: it does nothing.",
        f"{_CSP}cspro-header",
    ),
    "report-uri-ignored": Code(
        "report-uri is ignored beside report-to",
        "Browsers that know report-to do not look at report-uri, whether or not the endpoint exists.",
        f"{_CSP}directive-report-uri",
    ),
    # What does nothing
    "redundant-source": Code(
        "A source that adds nothing",
        "Whatever it admits, another source of the list admits as well. What is not there cannot be misread.",
        f"{_CSP}match-url-to-source-list",
    ),
    "source-without-effect": Code("A source without effect", _NOTHING, f"{_CSP}framework-directive-source-list"),
    "ignored-host": Code(
        "Hosts that 'strict-dynamic' switches off",
        "Only browsers too old for 'strict-dynamic' look at them, and today there are hardly any.",
        f"{_CSP}strict-dynamic-usage",
    ),
    "unknown-value": Code("A value that means nothing", _NOTHING, f"{_CSP}csp-directives"),
    "comma": Code("A comma inside a policy", "A comma begins another policy.", f"{_CSP}parse-serialized-policy-list"),
    "directive-as-source": Code(
        "A semicolon is missing",
        "The directive and all after it are read as sources of the one before, so that it is not in force.",
        f"{_CSP}parse-serialized-policy",
    ),
    "duplicate-directive": Code(
        "A directive stands twice",
        "Browsers take the first and leave the second out, whichever is stricter. Who edits the second changes"
        " nothing.",
        f"{_CSP}parse-serialized-policy",
    ),
    "ignored-in-meta": Code(
        "Ignored in <meta>", f"Browsers heed it in a header only. {_NOTHING}", f"{_CSP}meta-element"
    ),
    "ignored-in-report-only": Code(
        "Ignored in a policy that only reports",
        f"It has nothing to report. {_NOTHING}",
        f"{_CSP}cspro-header",
    ),
    "invalid-source": Code(
        "No source expression", f"Browsers leave the token out. {_NOTHING}", f"{_CSP}framework-directive-source-list"
    ),
    "non-ascii": Code(
        "A character that voids the directive",
        "Browsers drop the whole directive for one character outside ASCII, such as a curly quote; what it"
        " restricted is"
        " open.",
        f"{_CSP}parse-serialized-policy",
    ),
    "none-ignored": Code(
        "'none' beside other sources",
        "'none' counts only alone. Beside others it is left out, and they are allowed.",
        f"{_CSP}match-url-to-source-list",
    ),
    "query-ignored": Code(
        "A query in a path",
        "Policies compare paths alone; what follows a question mark does not count.",
        f"{_CSP}match-paths",
    ),
    "removed-directive": Code(
        "A directive that is no more", f"Browsers of today have no use for it. {_NOTHING}", f"{_CSP}csp-directives"
    ),
    "unexpected-value": Code("A value too many", f"Browsers leave it out. {_NOTHING}", f"{_CSP}csp-directives"),
    "unknown-directive": Code(
        "A directive that nobody knows", f"Browsers leave it out. {_NOTHING}", f"{_CSP}parse-serialized-policy"
    ),
    "scheme-without-colon": Code(
        "A scheme without its colon",
        "Without the colon it is the name of a host, which nobody has.",
        f"{_CSP}grammardef-scheme-source",
    ),
    "star-in-path": Code(
        "A star in a path",
        "A star stands for hosts and ports. A path that ends with a slash takes in all below it; one that does not, a"
        " single address.",
        f"{_CSP}path-part-match",
    ),
    "unquoted-keyword": Code(
        "A keyword without quotes",
        "Without quotes it is the name of a host, which nobody has.",
        f"{_CSP}grammardef-keyword-source",
    ),
    # The whole text
    "several-policies": Code(
        "Several policies in one text",
        "Where the comma was a slip, the second policy restricts all by itself, and the first has no second half.",
        f"{_CSP}multiple-policies",
    ),
    "size": Code(
        "A long header",
        "Where the headers of a response do not fit the buffer of a server on their way, visitors get an error page.",
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size",
    ),
}

CODES: Mapping[str, Code] = MappingProxyType(_ALL)
"""Every code that an evaluation can give."""
