"""Inline code: what reports leave out of it, found in the source of the pages.

A report has 40 characters of inline code at most. The page has all of it: the place whose text begins as the sample
does is the one that was reported, and its digest admits it. Where a page has another text there each time it is served,
or each page its own, only a nonce can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import structs

from policybuilder.csp import Browser, SampleExtent, parse_url
from policybuilder.evidence import EvidenceClass, PageCount, ViolationGroup
from policybuilder.suggestion.variation import varies

if TYPE_CHECKING:
    from policybuilder.markup import InlinePlace, Markup

MAX_PAGES = 50
"""That are read for one suggestion."""

_PAGES_PER_GROUP = 3
_MIN_BEGUN = 8
"""Characters that code on the reported line has in common with the sample, to be taken for the same."""


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
    groups: Iterable[ViolationGroup], hosts: Collection[str], origins: Collection[str]
) -> tuple[str, ...]:
    """The pages whose source would tell the text of inline code, the most reported first, and then others, for their
    forms; at most `MAX_PAGES`.

    Only pages that the operator rehearsed: what strangers name may be a page that does something when it is read, or
    one that they wrote themselves. They are of the hosts that the operator gave the site; where none were given, of the
    site's `origins`.
    """
    wanted: dict[str, tuple[int, int]] = {}
    for group in groups:
        if group.evidence_class is not EvidenceClass.GENUINE:
            continue
        is_asking = _is_asking(group)
        for page in _rehearsed(group)[:_PAGES_PER_GROUP]:
            if _is_own(page.url, hosts, origins):
                asked, all_of_it = wanted.get(page.url, (0, 0))
                wanted[page.url] = (asked + page.trusted_reports * is_asking, all_of_it + page.trusted_reports)
    return tuple(sorted(wanted, key=lambda url: (-wanted[url][0], -wanted[url][1], url))[:MAX_PAGES])


def _rehearsed(group: ViolationGroup) -> list[PageCount]:
    """The pages on which the operator saw the group, most reports first; none, where the word of it is void."""
    pages = [page for page in group.pages if page.trusted_reports and group.trusted_reports]
    return sorted(pages, key=lambda page: (-page.trusted_reports, page.url))


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

    Where a sample begins several texts of a page, the one on the line that was reported is meant; where that does not
    say which, none is: whoever can put markup into a page can put a script there that begins as another does.
    """
    found: list[ViolationGroup] = []
    nonce_places: dict[str, tuple[NoncePlace, ...]] = {}
    for group in groups:
        places = _places(group, sources, _is_reported_as) if _is_asking(group) else {}
        texts = _stable_texts(group, places.values())
        if not places and _is_asking(group):
            # What is another text within its first words is not found by them, but stands where it stood.
            places, texts = _places(group, sources, _stands_where_reported), None
        if not places or texts is None:
            found.append(structs.replace(group, varies=bool(places)))
            if places:
                nonce_places[group.fingerprint] = _nonce_places(group, places)
            continue
        if not texts:
            found.append(group)
        for number, text in enumerate(texts):
            # Only a javascript: URL has two, as browsers make digests of it in two ways.
            fingerprint = group.fingerprint if number == 0 else f"{group.fingerprint}+{number}"
            known = structs.replace(group, fingerprint=fingerprint, sample=text, sample_extent=SampleExtent.WHOLE)
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
    for page in _rehearsed(group):
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
    if not (_is_of_kind(place, group) and _is_on_line(place, group.line_number)):
        return False
    beginning = group.sample.strip()[:_MIN_BEGUN]
    return len(beginning) == _MIN_BEGUN and place.text.strip().startswith(beginning)


@lru_cache(maxsize=20_000)
def _samples(place: InlinePlace) -> tuple[tuple[str, str], ...]:
    """As each browser makes them, with the text that it makes digests of; a page's places are put to many groups."""
    return tuple((place.sample(browser), place.hashed_text(browser)) for browser in Browser)


def _is_reported_as(place: InlinePlace, group: ViolationGroup) -> bool:
    if not _is_of_kind(place, group):
        return False
    samples = _samples(place)
    if group.sample_extent is SampleExtent.TRIMMED:
        return any(sample == group.sample for sample, _ in samples)
    # What was personal at the end of a sample is cut off, so that it may be shorter than browsers make it.
    return any(sample.startswith(group.sample) or text.startswith(group.sample) for sample, text in samples)


def _stable_texts(group: ViolationGroup, readings: Collection[Sequence[InlinePlace]]) -> tuple[str, ...] | None:
    """The text, as browsers make digests of it, if every reading has the same; None where they differ.

    Nothing, where it cannot be told which of several is meant.
    """
    chosen = [_meant(group, places) for places in readings]
    sets = {tuple(sorted({place.hashed_text(browser) for place in places for browser in Browser})) for places in chosen}
    if len(sets) > 1:
        return None if all(chosen) else ()
    return next(iter(sets), ())


def _meant(group: ViolationGroup, places: Sequence[InlinePlace]) -> Sequence[InlinePlace]:
    """Those of the places whose text is meant: all, where they have the same; else those on the line reported."""
    if len({place.text for place in places}) == 1:
        return places
    there = [place for place in places if _is_on_line(place, group.line_number)]
    return there if len({place.text for place in there}) == 1 else ()


def _is_on_line(place: InlinePlace, line: int | None) -> bool:
    positions = [place.reported_position(browser) for browser in Browser]
    return line is not None and any(position is not None and position[0] == line for position in positions)


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
