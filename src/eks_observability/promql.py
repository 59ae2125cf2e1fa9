"""What a PromQL query reads, found by a parser."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import promql_parser

from eks_observability.errors import CommandError

# Made by Prometheus for each target, whatever that answers.
OF_A_SCRAPE = frozenset(
    {"up", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling", "scrape_samples_scraped"}
    | {"scrape_series_added"}
)
# Made by the evaluation of rules.
OF_RULES = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, order=True)
class Read:
    """A metric that a query reads.

    Attributes:
        metric: its name.
        job: the scrape job that it is read of; empty where the query names none.
    """

    metric: str
    job: str


def reads(query: str, jobs: Collection[str]) -> set[Read]:
    """Return what a query reads.

    Args:
        query: PromQL, without variables of Grafana outside of strings.
        jobs: every scrape job that there is, for a query that asks for several by a regular expression.

    Raises:
        CommandError: the query is no PromQL, selects series by something else than one name, or names no job of these.
    """
    try:
        tree = promql_parser.parse(query)
    except ValueError as error:
        raise CommandError(f"this is no PromQL: {error}: {query}") from error
    found: set[Read] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            found.update(_of_selector(node.vector_selector, query, jobs))
        elif isinstance(node, promql_parser.VectorSelector):
            found.update(_of_selector(node, query, jobs))

    promql_parser.walk(tree, visit)
    return found


def _of_selector(selector: promql_parser.VectorSelector, query: str, jobs: Collection[str]) -> Iterator[Read]:
    matchers = selector.matchers
    every = [*matchers.matchers, *(one for several in matchers.or_matchers for one in several)]
    if selector.name is None or any(matcher.name == "__name__" for matcher in every):
        raise CommandError(f"a selector has to begin with the name of its metric: {query}")
    if matchers.or_matchers:
        raise CommandError(f"write two selectors instead of one with `or` in its braces: {query}")
    chosen = [matcher for matcher in every if matcher.name == "job"]
    if not chosen:
        yield Read(selector.name, "")
        return
    named = {job for job in jobs if all(_matches(matcher, job) for matcher in chosen)}
    if not named:
        raise CommandError(f"{selector.name} is read of a job that is not among {', '.join(sorted(jobs))}: {query}")
    yield from (Read(selector.name, job) for job in named)


def _matches(matcher: promql_parser.Matcher, job: str) -> bool:
    if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual):
        return bool((matcher.value == job) == (matcher.op == promql_parser.MatchOp.Equal))
    return bool((re.fullmatch(matcher.value, job) is not None) == (matcher.op == promql_parser.MatchOp.Re))
