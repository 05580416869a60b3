"""Tests of server buffers: how much room servers have for headers."""

from __future__ import annotations

from policybuilder.server_buffers import REFUSE_BYTES, SERVER_BUFFERS, WARN_BYTES, buffers_too_small


def test_the_table_runs_from_the_smallest_up_and_says_where_each_size_is_from() -> None:
    sizes = [buffer.size_bytes for buffer in SERVER_BUFFERS]
    assert sizes == sorted(sizes)
    assert all(buffer.source.startswith("https://") and buffer.setting for buffer in SERVER_BUFFERS)
    assert len({(buffer.software, buffer.setting) for buffer in SERVER_BUFFERS}) == len(SERVER_BUFFERS)


def test_a_server_is_named_once_the_headers_are_larger_than_its_buffer() -> None:
    smallest = SERVER_BUFFERS[0]
    assert buffers_too_small(smallest.size_bytes) == ()
    assert smallest in buffers_too_small(smallest.size_bytes + 1)
    assert buffers_too_small(10**9) == SERVER_BUFFERS


def test_two_policies_at_the_warning_fill_a_buffer_and_one_at_the_refusal_fills_several() -> None:
    assert buffers_too_small(WARN_BYTES) == ()
    assert buffers_too_small(2 * WARN_BYTES) != ()
    several = buffers_too_small(REFUSE_BYTES + 1)
    assert {buffer.holds_all for buffer in several} == {True, False}
    assert len(several) > 3
