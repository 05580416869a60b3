"""Observatory: the tests, score and grade of Mozilla's HTTP Observatory, of what a scan saw.

Its current algorithm, that of releases 1.6, is the one followed (2026-11): the public service runs it, and a score is
asked for to be compared with what that says. The release that the tests install from npm, 1.4.8, knows ten of
the twelve tests, gives nothing for an X-Frame-Options of its own, and takes commas in a policy for part of a source;
tests hold ours to it in everything else. The cost: what the two later tests do is known from their source alone, and
what else its source has changed since then is left out, such as scripts of the site's other hosts being foreign to
subresource-integrity (#464): better what can be tried than what can only be read.
"""

from policybuilder.grading.observatory.grading import GRADES, ObservatoryGrade, grade, grade_of
from policybuilder.grading.observatory.results import TestResult

__all__ = ["GRADES", "ObservatoryGrade", "TestResult", "grade", "grade_of"]
