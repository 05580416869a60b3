"""The banner: what a newcomer needs to know when the service has started."""

from __future__ import annotations

from collector.app import Service
from collector.review.stored import observe_lines
from policybuilder.program import typed
from policybuilder.store.sites import DEFAULT_SITE


def banner(service: Service) -> str:
    """The addresses, the header lines to paste, and the next command."""
    settings, base = service.settings, service.base_url
    program = typed("cspbuild")
    lines = [f"collector: {f'unix:{settings.unix_socket}' if settings.unix_socket else base}", ""]
    if service.has_try_page:
        lines += ["Try it in your browser, one visit is enough:", f"  {base}/try", ""]
    if service.report_key is None:
        lines += [
            f"No key of site {DEFAULT_SITE} is answered; switch it on, or make a key:",
            f"  {program} site on {DEFAULT_SITE}",
            f"  {program} site rotate {DEFAULT_SITE}",
        ]
    else:
        lines += ["Or send this from your own site's pages:" if service.has_try_page else "Send this from your pages:"]
        lines += [f"  {line}" for line in observe_lines(f"{base}/report/{service.report_key}")]
        if settings.listens_on_loopback:
            lines.append("  (its key is your rehearsal key: for your own visits, never for the public)")
    lines.append("")
    if settings.review:
        if service.access.has_admin_token:
            lines += ["Review pages, with your admin token:", f"  {base}/", ""]
        else:
            lines += ["Review pages, once within ten minutes:", f"  {service.access.new_login_link(base)}", ""]
    lines += ["Then:", f"  {program} summary", f"  {program} suggest"]
    return "\n".join(lines) + "\n"
