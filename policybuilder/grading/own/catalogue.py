"""The catalogue of our own tests: what each is about, what it may find, and what that costs.

How a score is made (2026-11). A page starts with a hundred points and loses some for each thing found; nothing adds
any, so that a hundred means that there was nothing to find. Three other ways were at hand: Observatory's bonuses, by
which a good header makes up for a bad one elsewhere; a letter for the worst finding alone, which hides all progress
below it; and a weighted mean, in which one more harmless header always helps. None of them tells what an attacker can
do. So points are only taken, by how much the thing found gives away on its own, and each test takes those of the worst
thing it found: a second cookie or a second source as bad as the first lets nobody do more. Tests that stand for each
other share a limit: a policy with many holes costs no more than having none, so that to remove it is never a way up.
What makes the rest idle caps the score instead: where any script runs, no other header saves the page from it, and
without https nothing that was sent is certain to arrive. The cost of this: a site that mends many small things below a
cap sees no better letter before it has mended the one that matters. What was not tested, or has no meaning for this
kind of answer, counts neither way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policybuilder.grading.judgement import NOT_TESTED

FULL_SCORE = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one result of a test means for the score."""

    passed: bool
    points: int = 0
    """Taken from a hundred, once."""

    cap: int | None = None
    """More than this no score is, whatever else was found."""


def _good() -> Outcome:
    return Outcome(passed=True)


def _lost(points: int, *, cap: int | None = None) -> Outcome:
    return Outcome(passed=False, points=points, cap=cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTest:
    """One test of our own; what README, SARIF rules and baselines know it by."""

    name: str
    """Stable."""

    title: str
    why: str
    """What it is good for, for somebody who meets it for the first time."""

    link: str
    """The specification."""

    outcomes: Mapping[str, Outcome]
    """By result. A result that is a weakness's code has the outcome of its severity, `high`, `medium` or `low`; one
    that matters less where the answer is no page has that of its name with `-on-data` there."""

    group: str | None = None
    """Tests of one group together take no more than the group's limit."""


GROUP_LIMITS = {"content-security-policy": 30}
"""Points; a policy that keeps nothing out costs what none costs."""

_POLICY = "content-security-policy"
_CSP = "https://w3c.github.io/webappsec-csp/"
_SEVERITIES = ("high", "medium", "low")
"""By which the outcomes of weaknesses are known; `info` is nothing to defend against, and no finding here."""

_OPEN_TO_SCRIPTS = 65
"""The cap where any script runs: B- at the best."""

_OPEN_TO_THE_NETWORK = 20
"""The cap where everybody on the way reads and changes all: F."""


def _by_severity(high: int, medium: int, low: int, **results: Outcome) -> dict[str, Outcome]:
    given = dict(zip(_SEVERITIES, map(_lost, (high, medium, low)), strict=True))
    return {"restricted": _good(), **given, **results}


OWN_TESTS: Mapping[str, OwnTest] = {
    test.name: test
    for test in (
        OwnTest(
            name="csp-scripts",
            title="Scripts",
            why="A script that somebody smuggles into the page can do whatever the visitor can. The policy is what"
            " stops it when an escape was forgotten somewhere.",
            link=f"{_CSP}#directive-script-src",
            group=_POLICY,
            outcomes={
                "nothing-runs": _good(),
                "named-scripts": _good(),
                "own-scripts": _good(),
                "listed-hosts": _good(),
                "missing": _lost(30, cap=_OPEN_TO_SCRIPTS),
                "report-only": _lost(30, cap=_OPEN_TO_SCRIPTS),
                "no-script-directive": _lost(30, cap=_OPEN_TO_SCRIPTS),
                "high": _lost(30, cap=_OPEN_TO_SCRIPTS),
                "medium": _lost(10),
                "low": _lost(2),
            },
        ),
        OwnTest(
            name="csp-nonces",
            title="Nonces",
            why="A nonce tells the page's own scripts from those that somebody smuggled in, as long as nobody knows it"
            " before the page is sent: each answer needs a new one.",
            link=f"{_CSP}#security-nonces",
            group=_POLICY,
            outcomes={"fresh": _good(), "repeated": _lost(30, cap=_OPEN_TO_SCRIPTS)},
        ),
        OwnTest(
            name="csp-plugins",
            title="Plugins and embedded objects",
            why="Objects and embeds can run code and show foreign documents inside the page.",
            link=f"{_CSP}#directive-object-src",
            group=_POLICY,
            outcomes=_by_severity(5, 3, 1),
        ),
        OwnTest(
            name="csp-base",
            title="The page's base",
            why="A base element that somebody smuggles in sends every relative script address to another server.",
            link=f"{_CSP}#directive-base-uri",
            group=_POLICY,
            outcomes=_by_severity(5, 3, 1),
        ),
        OwnTest(
            name="csp-forms",
            title="Where forms go",
            why="A form that somebody smuggles in, or a button that overrides one, sends what visitors type elsewhere.",
            link=f"{_CSP}#directive-form-action",
            group=_POLICY,
            outcomes=_by_severity(5, 3, 1),
        ),
        OwnTest(
            name="csp-styles",
            title="Styles",
            why="Foreign styles can redraw the page, and read out values letter by letter.",
            link=f"{_CSP}#directive-style-src",
            group=_POLICY,
            outcomes=_by_severity(3, 2, 1, unrestricted=_lost(1)),
        ),
        OwnTest(
            name="csp-requests",
            title="Where data can go",
            why="What was read from a page has to leave it somehow: by connections, pictures, frames.",
            link=f"{_CSP}#directive-connect-src",
            group=_POLICY,
            outcomes=_by_severity(3, 2, 1),
        ),
        OwnTest(
            name="csp-text",
            title="The text of the policy",
            why="What browsers do not understand they leave out without a word, and the protection with it.",
            link=f"{_CSP}#parse-serialized-policy",
            group=_POLICY,
            outcomes=_by_severity(0, 0, 0),
        ),
        OwnTest(
            name="trusted-types",
            title="Trusted Types",
            why="They let no plain string reach the places of the DOM where a string becomes a script.",
            link="https://w3c.github.io/trusted-types/dist/spec/",
            outcomes={"required": _good(), "any-policy": _good(), "misspelt": _lost(0)},
        ),
        OwnTest(
            name="framing",
            title="Who may frame the page",
            why="A page in a frame of a stranger's can be covered with something else, so that visitors click what they"
            " do not see.",
            link=f"{_CSP}#directive-frame-ancestors",
            outcomes={
                "nobody": _good(),
                "own-origin": _good(),
                "listed": _good(),
                "by-x-frame-options": _good(),
                "missing": _lost(15),
                "anybody": _lost(15),
                "only-in-meta": _lost(15),
                "report-only": _lost(15),
                "x-frame-options-invalid": _lost(15),
                "allow-from": _lost(15),
                "open-hosting": _lost(8),
                "insecure-framer": _lost(3),
            },
        ),
        OwnTest(
            name="https",
            title="HTTPS and its certificate",
            why="Over plain http everybody on the way reads and changes what is sent, these headers too.",
            link="https://w3c.github.io/webappsec-secure-contexts/",
            outcomes={
                "secure": _good(),
                "no-https": _lost(50, cap=_OPEN_TO_THE_NETWORK),
                "invalid-certificate": _lost(50, cap=_OPEN_TO_THE_NETWORK),
                "old-tls": _lost(10),
                "expires-soon": _lost(0),
            },
        ),
        OwnTest(
            name="http-redirect",
            title="The way from plain http",
            why="Who types a name without https is answered over http first. Each answer on that way can be replaced.",
            link="https://www.rfc-editor.org/rfc/rfc6797#section-7.2",
            outcomes={
                "to-https": _good(),
                "nothing-listens": _good(),
                "preloaded": _good(),
                "never-https": _lost(20),
                "to-invalid-certificate": _lost(20),
                "back-to-http": _lost(10),
                "first-hop-insecure": _lost(5),
                "first-hop-elsewhere": _lost(2),
            },
        ),
        OwnTest(
            name="strict-transport-security",
            title="Strict-Transport-Security",
            why="It makes browsers use https for this host by themselves, so that nobody on the way can keep a visitor"
            " on plain http.",
            link="https://www.rfc-editor.org/rfc/rfc6797",
            outcomes={
                "max-age-long": _good(),
                "preloaded": _good(),
                "missing": _lost(15),
                "missing-on-data": _lost(5),
                "invalid": _lost(15),
                "max-age-zero": _lost(15),
                "over-http": _lost(0),
                "max-age-short": _lost(5),
                "missing-on-redirect": _lost(2),
                "preload-not-ready": _lost(0),
            },
        ),
        OwnTest(
            name="x-content-type-options",
            title="X-Content-Type-Options",
            why="Without it a browser may take an uploaded picture or text for a script or a style.",
            link="https://fetch.spec.whatwg.org/#x-content-type-options-header",
            outcomes={"nosniff": _good(), "missing": _lost(5), "missing-on-data": _lost(2), "invalid": _lost(5)},
        ),
        OwnTest(
            name="content-type",
            title="Content-Type and its charset",
            why="A browser that has to guess what a page is, or in which letters it is written, can be led to guess"
            " wrongly by what visitors wrote on it.",
            link="https://mimesniff.spec.whatwg.org/",
            outcomes={"named": _good(), "missing": _lost(3), "no-charset": _lost(1)},
        ),
        OwnTest(
            name="referrer-policy",
            title="Referrer-Policy",
            why="Addresses of pages hold what visitors searched for, and sometimes keys; the referrer tells them to"
            " other sites.",
            link="https://w3c.github.io/webappsec-referrer-policy/",
            outcomes={
                "strict": _good(),
                "browser-default": _good(),
                "origin": _good(),
                "full-url-over-https": _lost(3),
                "full-url": _lost(5),
                "invalid": _lost(1),
            },
        ),
        OwnTest(
            name="permissions-policy",
            title="Permissions-Policy",
            why="It takes camera, microphone, location and the like away from the page, so that neither a smuggled"
            " script nor a frame can ask for them in the site's name.",
            link="https://w3c.github.io/webappsec-permissions-policy/",
            outcomes={
                "restricted": _good(),
                "missing": _lost(2),
                "invalid": _lost(2),
                "restricts-nothing": _lost(2),
                "open-to-all": _lost(3),
                "unknown-feature": _lost(0),
            },
        ),
        OwnTest(
            name="cross-origin-opener-policy",
            title="Cross-Origin-Opener-Policy",
            why="It cuts the tie between the page and a stranger's page that opened it, by which that one could watch"
            " and redirect it.",
            link="https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies",
            outcomes={
                "isolated": _good(),
                "missing": _lost(1),
                "unsafe-none": _lost(1),
                "invalid": _lost(1),
                "report-only": _lost(1),
            },
        ),
        OwnTest(
            name="cross-origin-embedder-policy",
            title="Cross-Origin-Embedder-Policy",
            why="It admits only what agrees to be embedded; with the opener policy it lets the page use precise clocks"
            " and shared memory.",
            link="https://html.spec.whatwg.org/multipage/browsers.html#coep",
            outcomes={"required": _good(), "unsafe-none": _good(), "report-only": _good(), "invalid": _lost(0)},
        ),
        OwnTest(
            name="cross-origin-resource-policy",
            title="Cross-Origin-Resource-Policy",
            why="It keeps the answer out of the process of other sites that embed it, where its bytes could be read.",
            link="https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header",
            outcomes={"own": _good(), "cross-origin": _good(), "invalid": _lost(0)},
        ),
        OwnTest(
            name="origin-agent-cluster",
            title="Origin-Agent-Cluster",
            why="It asks the browser to keep the page apart from other hosts of the same site.",
            link="https://html.spec.whatwg.org/multipage/browsers.html#origin-keyed-agent-clusters",
            outcomes={"asked": _good(), "declined": _good(), "invalid": _lost(0)},
        ),
        OwnTest(
            name="cookie-secure",
            title="Cookies over plain http",
            why="A cookie without Secure is sent over plain http too, where everybody on the way can read it.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-secure-attribute",
            outcomes={"secure": _good(), "insecure-session": _lost(15), "insecure": _lost(2)},
        ),
        OwnTest(
            name="cookie-http-only",
            title="Cookies that scripts can read",
            why="A session that scripts can read is what a smuggled script carries away first.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-httponly-attribute",
            outcomes={"hidden": _good(), "readable-session": _lost(10)},
        ),
        OwnTest(
            name="cookie-same-site",
            title="Cookies on requests from other sites",
            why="A session that goes along with requests of other sites lets those act in the visitor's name.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-samesite-attribute-2",
            outcomes={"same-site": _good(), "unsaid": _lost(2), "cross-site": _lost(2)},
        ),
        OwnTest(
            name="cookie-scope",
            title="Cookies for all hosts of the domain",
            why="A session for the whole domain goes to each of its hosts, to the forgotten and the rented ones too.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-domain-attribute",
            outcomes={"whole-domain": _lost(2)},
        ),
        OwnTest(
            name="cookie-lifetime",
            title="How long cookies last",
            why="A session that lasts for years outlives the device it was made on.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-max-age-attribute",
            outcomes={"too-long": _lost(0)},
        ),
        OwnTest(
            name="cookie-refused",
            title="Cookies that browsers drop",
            why="A cookie that breaks the rules of its own name or flags is dropped without a word.",
            link="https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model",
            outcomes={"dropped": _lost(2)},
        ),
        OwnTest(
            name="subresource-integrity",
            title="Scripts and styles of other sites",
            why="Who controls the other server, or breaks into it, runs code on this page. A digest lets only the file"
            " run that was meant.",
            link="https://w3c.github.io/webappsec-subresource-integrity/",
            outcomes={
                "checked": _good(),
                "nothing-foreign": _good(),
                "insecure": _lost(5),
                "unchecked-script": _lost(5),
                "unreadable": _lost(5),
                "unchecked-style": _lost(1),
                "never-loads": _lost(0),
            },
        ),
        OwnTest(
            name="integrity-policy",
            title="Integrity-Policy",
            why="It lets no script run that has no digest to be checked against.",
            link="https://w3c.github.io/webappsec-subresource-integrity/#integrity-policy-section",
            outcomes={"required": _good(), "report-only": _good(), "invalid": _lost(0)},
        ),
        OwnTest(
            name="caching",
            title="Caching of personal pages",
            why="A shared cache that keeps a page made for one visitor hands it, and its session, to the next.",
            link="https://www.rfc-editor.org/rfc/rfc9111#section-3",
            outcomes={"kept-out": _good(), "revalidated": _good(), "stored": _lost(10), "unsaid": _lost(1)},
        ),
        OwnTest(
            name="cors",
            title="Who may read the answer",
            why="Browsers keep what one site answers from the scripts of others, unless the answer says otherwise.",
            link="https://fetch.spec.whatwg.org/#http-cors-protocol",
            outcomes={
                "own-origin": _good(),
                "listed": _good(),
                "anybody": _good(),
                "anybody-with-credentials": _lost(30, cap=45),
                "null-with-credentials": _lost(20),
                "null": _lost(2),
                "contradiction": _lost(0),
            },
        ),
        OwnTest(
            name="reporting",
            title="Where violations are reported",
            why="Browsers drop reports that they cannot deliver, and say so nowhere that the site's owner sees.",
            link="https://w3c.github.io/reporting/",
            outcomes={
                "wired": _good(),
                "nowhere": _good(),
                "undefined": _lost(2),
                "unusable": _lost(2),
                "insecure": _lost(2),
                "unanswered": _lost(2),
                "preflight-refused": _lost(2),
            },
        ),
        OwnTest(
            name="trusted-host",
            title="A forged Host header",
            why="A server that believes any Host writes a stranger's name into links, redirects and mails that reset"
            " passwords.",
            link="https://www.rfc-editor.org/rfc/rfc9110#section-7.2",
            outcomes={"refused": _good(), "sent-home": _good(), "answered": _lost(3), "reflected": _lost(15)},
        ),
        OwnTest(
            name="disclosure",
            title="What headers give away",
            why="Versions tell which known holes to try, debugging headers that the program shows its insides.",
            link="https://owasp.org/www-project-secure-headers/#prevent-information-disclosure-via-http-headers",
            outcomes={
                "nothing": _good(),
                "debugging": _lost(5),
                "internal-address": _lost(2),
                "version": _lost(1),
            },
        ),
        OwnTest(
            name="obsolete-headers",
            title="Headers that nobody reads any more",
            why="They protect nobody, and hide that nothing else does.",
            link="https://owasp.org/www-project-secure-headers/#deprecated",
            outcomes={"obsolete": _lost(0)},
        ),
    )
}
"""In reading order."""


def outcome_of(name: str, key: str) -> Outcome | None:
    """What a result means for the score; None where it was not tested. Raises KeyError for what no test finds."""
    return None if key == NOT_TESTED else OWN_TESTS[name].outcomes[key]
