"""Inline code: what reports leave out of it, found in the source of the pages.

A report has 40 characters of inline code at most. The page has all of it: the place whose text begins as the sample
does is the one that was reported, and its digest admits it. Where a page has another text there each time it is served,
or each page its own, only a nonce can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from policybuilder.csp import Browser, SampleExtent, parse_url
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.markup import InlinePlace, Markup
from policybuilder.suggestion.variation import varies

MAX_PAGES = 50
"""That are read for one suggestion."""

_PAGES_PER_GROUP = 3
_MAX_TEXTS = 8
"""Different texts that begin alike; more of them are taken for one that varies."""

_MIN_BEGUN = 8
"""Characters that code on the reported line has in common with the sample, to be taken for the same."""

_MAX_HANDLED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NoncePlace:
    """Where in the pages a nonce has to be added."""

    directive: str
    template: str
    """The page's path, its varying parts replaced by `*`."""

    line: int | None
    label: str
    sample: str


@dataclass(frozen=True, slots=True)
class PageForm:
    """A form of a page."""

    page: str
    url: str
    """That it is sent to."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Groups, as the pages' source completes them."""

    groups: tuple[ViolationGroup, ...]
    nonce_places: Mapping[str, tuple[NoncePlace, ...]] = field(default_factory=dict)
    """By fingerprint, of those groups whose code varies."""

    forms: tuple[PageForm, ...] = ()


def pages_to_read(
    groups: Iterable[ViolationGroup], hosts: Collection[str], origins: Collection[str], *, min_reporters: int
) -> tuple[str, ...]:
    """The pages whose source would tell the text of inline code, the most reported first, and then others, for their
    forms; at most `MAX_PAGES`.

    Only pages that believable evidence names, of the hosts that the operator gave the site; where none were given, of
    the site's `origins`.
    """
    wanted: dict[str, tuple[int, int]] = {}
    for group in groups:
        is_believable = group.trusted_reports or group.reporters >= min_reporters
        if group.evidence_class is not EvidenceClass.GENUINE or not is_believable:
            continue
        asked = group.reports if _is_asking(group) else 0
        for page in group.pages[:_PAGES_PER_GROUP]:
            if _is_own(page.url, hosts, origins):
                before = wanted.get(page.url, (0, 0))
                wanted[page.url] = (before[0] + asked, before[1] + group.reports)
    return tuple(sorted(wanted, key=lambda url: (-wanted[url][0], -wanted[url][1], url))[:MAX_PAGES])


def _is_asking(group: ViolationGroup) -> bool:
    """Whether its report leaves out some of the text."""
    is_inline = group.blocked in {"inline", "self", ""} and group.directive.startswith(("script-src", "style-src"))
    is_genuine = group.evidence_class is EvidenceClass.GENUINE
    return is_genuine and is_inline and group.sample_extent is not SampleExtent.WHOLE and bool(group.sample)


def _is_own(page: str, hosts: Collection[str], origins: Collection[str]) -> bool:
    url = parse_url(page) if "://" in page else None
    if url is None or url.scheme not in {"http", "https"}:
        return False
    if not hosts:
        return url.origin in origins
    named = {url.host, url.origin.partition("://")[2]}
    return any(url.host.endswith(own[1:]) if own.startswith("*.") else own in named for own in hosts)


def learn(groups: Sequence[ViolationGroup], sources: Mapping[str, Sequence[Markup]]) -> Learned:
    """The groups with what the `sources` of pages, each read once or more, tell of their inline code.

    A group whose sample begins several texts of a page stands for each of them, under a fingerprint of its own.
    """
    found: list[ViolationGroup] = []
    nonce_places: dict[str, tuple[NoncePlace, ...]] = {}
    for group in groups:
        places = _places(group, sources, _is_reported_as) if _is_asking(group) else {}
        texts = _stable_texts(places.values())
        if not places and _is_asking(group):
            # What is another text within its first words is not found by them, but stands where it stood.
            places, texts = _places(group, sources, _stands_where_reported), None
        if not places or texts is None:
            found.append(replace(group, varies=bool(places)))
            if places:
                nonce_places[group.fingerprint] = _nonce_places(group, places)
            continue
        for number, text in enumerate(texts):
            fingerprint = group.fingerprint if number == 0 else f"{group.fingerprint}+{number}"
            known = replace(group, fingerprint=fingerprint, sample=text, sample_extent=SampleExtent.WHOLE)
            found.append(known)
    forms = {PageForm(page, url): None for page in sorted(sources) for markup in sources[page] for url in markup.forms}
    return Learned(tuple(found), nonce_places, tuple(forms))


Reading = tuple[str, int]
"""A page, and which time it was read."""


def _places(
    group: ViolationGroup,
    sources: Mapping[str, Sequence[Markup]],
    is_it: Callable[[InlinePlace, ViolationGroup], bool],
) -> dict[Reading, tuple[InlinePlace, ...]]:
    """Where the group's code stands in each reading of its pages that has it."""
    found: dict[Reading, tuple[InlinePlace, ...]] = {}
    for page in group.pages:
        for time, markup in enumerate(sources.get(page.url, ())):
            if places := tuple(place for place in _all_places(markup) if is_it(place, group)):
                found[page.url, time] = places
    return found


def _all_places(markup: Markup) -> Iterable[InlinePlace]:
    yield from markup.inline
    for framed in markup.framed:
        yield from _all_places(framed)


def _is_of_kind(place: InlinePlace, group: ViolationGroup) -> bool:
    is_same = place.directive == group.directive or (
        group.directive in {"script-src", "style-src"} and place.directive.startswith(group.directive)
    )
    return is_same and place.runs


def _stands_where_reported(place: InlinePlace, group: ViolationGroup) -> bool:
    """Whether code that begins a little like the sample stands on the line that was reported."""
    if not _is_of_kind(place, group) or group.line_number is None:
        return False
    positions = [place.reported_position(browser) for browser in Browser]
    is_there = any(position is not None and position[0] == group.line_number for position in positions)
    beginning = group.sample.strip()[:_MIN_BEGUN]
    return is_there and len(beginning) == _MIN_BEGUN and place.text.strip().startswith(beginning)


def _is_reported_as(place: InlinePlace, group: ViolationGroup) -> bool:
    if not _is_of_kind(place, group):
        return False
    samples = [(place.sample(browser), place.hashed_text(browser)) for browser in Browser]
    if group.sample_extent is SampleExtent.TRIMMED:
        return any(sample == group.sample for sample, _ in samples)
    # What was personal at the end of a sample is cut off, so that it may be shorter than browsers make it.
    return any(sample.startswith(group.sample) or text.startswith(group.sample) for sample, text in samples)


def _stable_texts(readings: Iterable[Sequence[InlinePlace]]) -> tuple[str, ...] | None:
    """The texts, as browsers make digests of them, if every reading has the same; None where they differ."""
    sets = {
        tuple(sorted({place.hashed_text(browser) for place in places for browser in Browser})) for places in readings
    }
    if len(sets) != 1:
        return None
    (texts,) = sets
    is_small = sum(map(len, texts)) <= _MAX_HANDLED_BYTES
    return texts if len(texts) <= _MAX_TEXTS and (is_small or len(texts) == 1) else None


def _nonce_places(group: ViolationGroup, readings: Mapping[Reading, Sequence[InlinePlace]]) -> tuple[NoncePlace, ...]:
    found = {
        NoncePlace(
            directive=place.directive,
            template=template_of(page),
            line=None if place.tag_ends_at is None else place.tag_ends_at.line,
            label=place.label,
            sample=group.sample,
        )
        for (page, _), places in readings.items()
        for place in places
    }
    return tuple(sorted(found, key=lambda place: (place.template, place.line or 0, place.label)))


def template_of(page: str) -> str:
    """A page's origin and path, with `*` for the parts of it that vary by themselves: numbers, hashes, languages."""
    scheme, separator, rest = page.partition("://")
    origin, slash, path = rest.partition("/")
    if not separator or not slash:
        return page
    return f"{scheme}://{origin}/" + "/".join("*" if part and varies(part) else part for part in path.split("/"))
