"""Event handlers: the attributes whose values browsers compile, and no others that begin with `on`.

https://html.spec.whatwg.org/multipage/webappapis.html#event-handlers-on-elements,-document-objects,-and-window-objects
"""

from __future__ import annotations

# What Chromium 156 or Firefox 153 knows, on any element; a test asks the browsers again.
_ANY = frozenset(
    """
    onabort onanimationcancel onanimationend onanimationiteration onanimationstart onauxclick onbeforecopy
    onbeforecut onbeforeinput onbeforematch onbeforepaste onbeforetoggle onbeforexrselect onblur oncancel oncanplay
    oncanplaythrough onchange onclick onclose oncommand oncontentvisibilityautostatechange oncontextlost
    oncontextmenu oncontextrestored oncopy oncuechange oncut ondblclick ondrag ondragend ondragenter ondragexit
    ondragleave ondragover ondragstart ondrop ondurationchange onemptied onended onerror onfocus onformdata
    onfullscreenchange onfullscreenerror ongotpointercapture oninput oninvalid onkeydown onkeypress onkeyup onload
    onloadeddata onloadedmetadata onloadstart onlostpointercapture onmousedown onmouseenter onmouseleave onmousemove
    onmouseout onmouseover onmouseup onmousewheel onmozfullscreenchange onmozfullscreenerror onpaste onpause onplay
    onplaying onpointercancel onpointerdown onpointerenter onpointerleave onpointermove onpointerout onpointerover
    onpointerrawupdate onpointerup onprogress onratechange onreset onresize onscroll onscrollend onscrollsnapchange
    onscrollsnapchanging onsearch onsecuritypolicyviolation onseeked onseeking onselect onselectionchange
    onselectstart onslotchange onstalled onsubmit onsuspend ontimeupdate ontoggle ontouchcancel ontouchend
    ontouchmove ontouchstart ontransitioncancel ontransitionend ontransitionrun ontransitionstart onvolumechange
    onwaiting onwebkitanimationend onwebkitanimationiteration onwebkitanimationstart onwebkitfullscreenchange
    onwebkitfullscreenerror onwebkittransitionend onwheel
    """.split()  # noqa: SIM905  (a hundred names read better without quotes)
)

# Of the window, where its document lets them stand.
_BODY = frozenset(
    """
    onafterprint onbeforeprint onbeforeunload ongamepadconnected ongamepaddisconnected onhashchange onlanguagechange
    onmessage onmessageerror onoffline ononline onpagehide onpageshow onpopstate onrejectionhandled onstorage
    onunhandledrejection onunload
    """.split()  # noqa: SIM905  (see above)
)

_MEDIA = frozenset({"onencrypted", "onenterpictureinpicture", "onleavepictureinpicture", "onwaitingforkey"})
_ANIMATION = frozenset({"onbegin", "onend", "onrepeat"})

_BY_TAG = {
    **dict.fromkeys(("body", "frameset"), _ANY | _BODY),
    **dict.fromkeys(("audio", "video"), _ANY | _MEDIA),
    **dict.fromkeys(("animate", "animateMotion", "animateTransform", "set"), _ANY | _ANIMATION),
}


def is_event_handler(tag: str, attribute: str) -> bool:
    """Whether an `attribute` of the element `tag` is code; both as the parser spells them."""
    return attribute.startswith("on") and attribute in _BY_TAG.get(tag, _ANY)
