"""Our own tests and grade: what was chosen with each header, what follows from it, and what would be better."""

from policybuilder.grading.own.catalogue import OWN_TESTS, OwnTest
from policybuilder.grading.own.scoring import OwnGrade, grade

__all__ = ["OWN_TESTS", "OwnGrade", "OwnTest", "grade"]
