"""Mutants: what one small mistake at a time would make of a module.

Left out by rule, because no test should notice them: annotations, docstrings, prose (a text with a space in it is for
people) and the length up to which answers are cached.
"""

from __future__ import annotations
import __future__

import ast
import enum
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any

_OPPOSITES: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
}
_HEADERS = {"test", "iter", "subject", "items"}
"""The fields of a compound statement that stand before its colon."""


@dataclass(frozen=True, slots=True)
class Mutant:
    module: str
    place: str
    """The function, method or table, such as `URL.upgraded`."""

    text: str
    """`before → after`, with a number where a place has several of the kind; it names the mutant in survivors.toml."""

    lines: range
    """Of the innermost statement, to find the tests that come by; empty for tables, which all tests may meet."""

    code: CodeType
    """The top-level statement, changed."""

    def __str__(self) -> str:
        return f"{self.module} {self.place}: {self.text}"


def mutants_of(module: ModuleType) -> Iterator[Mutant]:
    """Every mutant of the module's functions, methods and tables."""
    name = module.__name__.rpartition(".")[2]
    for statement in ast.parse(inspect.getsource(module)).body:
        places: list[tuple[str, ast.stmt]]
        match statement:
            case ast.FunctionDef():
                places = [(statement.name, statement)]
            case ast.ClassDef():
                functions = [node for node in statement.body if isinstance(node, ast.FunctionDef)]
                places = [(f"{statement.name}.{function.name}", function) for function in functions]
            case ast.Assign(targets=[ast.Name(id=table)]) | ast.AnnAssign(target=ast.Name(id=table), value=ast.expr()):
                value = vars(module)[table]
                is_data = not isinstance(value, UnionType | GenericAlias) and not callable(value)
                places = [(table, statement)] if is_data and table != "_MAX_CACHED_LENGTH" else []
            case _:
                continue
        for place, node in places:
            seen: dict[str, int] = {}
            is_table = node is statement and not isinstance(node, ast.FunctionDef)
            for before, after, at in _changes(node, node, vars(module)):
                text = f"{before} → {after}"
                seen[text] = seen.get(text, 0) + 1
                text += f" ({seen[text]})" if seen[text] > 1 else ""
                code = compile(
                    ast.fix_missing_locations(ast.Module([statement], [])),
                    f"<mutant of {name}>",
                    "exec",
                    flags=__future__.annotations.compiler_flag,
                    dont_inherit=True,
                )
                yield Mutant(name, place, text, range(0) if is_table else _lines_of(at, node), code)


def apply(mutant: Mutant, module: ModuleType, others: list[ModuleType], closures: list[FunctionType]) -> None:
    """Put the mutant in the place of what it was made from, for all who have imported that or were made by it."""
    namespace = dict(vars(module))
    exec(mutant.code, namespace)  # noqa: S102 - our own source, but for one change
    first, _, method = mutant.place.partition(".")
    old, new = vars(module)[first], namespace[first]
    if method:
        old, new = vars(old)[method], vars(new)[method]
    name = method or first
    old, new = _function_in(old, name), _function_in(new, name)
    if isinstance(old, FunctionType):
        inner = {code.co_name: code for code in new.__code__.co_consts if isinstance(code, CodeType)}
        for closure in closures:
            if closure.__code__ in old.__code__.co_consts:
                closure.__code__ = inner[closure.__code__.co_name]
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        return
    for other in others:
        if vars(other).get(first) is old:
            setattr(other, first, new)


def _function_in(value: Any, name: str) -> Any:
    """The function as it was before any decorator; what is no function is left alone."""
    if isinstance(value, property):
        return value.fget
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, FunctionType) and value.__name__ != name:
        kept = [cell.cell_contents for cell in value.__closure__ or ()]
        return next(inner for inner in kept if isinstance(inner, FunctionType) and inner.__name__ == name)
    return value


def _lines_of(statement: ast.stmt, function: ast.stmt) -> range:
    """The lines that run when the statement does; the whole function's for its signature."""
    last = statement.end_lineno or statement.lineno
    if statement is not function and (body := getattr(statement, "body", None) or getattr(statement, "cases", None)):
        first = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
        last = max(statement.lineno, first.lineno - 1)
    return range(statement.lineno, last + 1)


def _changes(node: ast.AST, at: ast.stmt, names: dict[str, Any]) -> Iterator[tuple[str, str, ast.stmt]]:
    """Change one thing after another below `node`, in place; each is undone before the next."""
    at = node if isinstance(node, ast.stmt) else at
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params", "ctx"}:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_for_people(child):
                continue
            inner = child if isinstance(child, ast.stmt) else at
            before = _header(child)
            for variant in _variants(child, names, is_target=field in {"target", "targets"}):
                put = _putter(node, field, value, index)
                put(ast.copy_location(variant, child))
                yield before, _header(variant), inner
                put(child)
            for drop in _droppable(child):
                kept = getattr(child, drop[0])
                for number in range(len(kept)):
                    removed = [(name, list(getattr(child, name))) for name in drop]
                    for name in drop:
                        del getattr(child, name)[number]
                    after = _header(child)
                    if getattr(child, drop[0]) or not isinstance(child, ast.Match):
                        yield before, after, inner
                    for name, whole in removed:
                        getattr(child, name)[:] = whole
            yield from _changes(child, inner, names)


def _putter(node: ast.AST, field: str, value: Any, index: int) -> Callable[[ast.AST], None]:
    def put(new: ast.AST) -> None:
        if isinstance(value, list):
            value[index] = new
        else:
            setattr(node, field, new)

    return put


def _header(node: ast.AST) -> str:
    """The code on one line; of a compound statement what stands before the colon."""
    if isinstance(node, ast.Set) and not node.elts:
        return "{}"
    return ast.unparse(node).partition("\n")[0]


def _is_for_people(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Raise() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Constant(value=str(text)):
            return " " in text
        case ast.JoinedStr(values=values):
            return any(_is_for_people(part) for part in values)
    return False


def _droppable(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Lists of which one thing after another may be missing; those of a tuple go together."""
    match node:
        case ast.Call(args=args, keywords=keywords):
            yield from [("args",)] * bool(args) + [("keywords",)] * bool(keywords)
        case ast.Set() | ast.List(ctx=ast.Load()) | ast.Tuple(ctx=ast.Load()):
            yield ("elts",)
        case ast.Dict():
            yield ("keys", "values")
        case ast.comprehension():
            yield ("ifs",)
        case ast.Match():
            yield ("cases",)


def _variants(node: ast.AST, names: dict[str, Any], *, is_target: bool) -> Iterator[ast.AST]:
    if isinstance(node, ast.stmt):
        yield from _other_statements(node)
    elif isinstance(node, ast.expr) and not is_target:
        yield from _other_expressions(node, names)


def _other_statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.If(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
            for answer in (True, False):
                yield type(node)(ast.Constant(answer), body, orelse)
        case ast.For(target=target, body=body, orelse=orelse):
            yield ast.For(target, ast.Tuple([], ast.Load()), body, orelse)


def _other_expressions(node: ast.expr, names: dict[str, Any]) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=others):
            if not any(isinstance(inner, ast.Name) and inner.id == "_MAX_CACHED_LENGTH" for inner in ast.walk(node)):
                yield from (ast.Compare(left, [other()], others) for other in _OPPOSITES[type(op)])
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for number in range(len(values)):
                others = values[:number] + values[number + 1 :]
                yield ast.BoolOp(op, others) if len(others) > 1 else others[0]
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            if "_MAX_CACHED_LENGTH" not in ast.unparse(test):
                yield from (body, orelse)
        case ast.BinOp(left=left, right=right, op=op):
            yield from (left, right)
            if isinstance(op, ast.Add):
                yield ast.BinOp(left, ast.Sub(), right)
        case ast.Call(func=ast.Attribute(value=receiver), args=[], keywords=[]):
            yield receiver
        case ast.Subscript(value=value, slice=ast.Slice()):
            yield value
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(value=str(text)):
            yield ast.Constant(f"{text}x")
        case ast.Constant(value=bytes(data)):
            yield ast.Constant(data + b"x")
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if isinstance(names.get(name), enum.EnumType):
            members = list(names[name].__members__)
            if attr in members:
                other = members[(members.index(attr) + 1) % len(members)]
                yield ast.Attribute(ast.Name(name, ast.Load()), other, ast.Load())
