"""The registry: agents by id, by filter, and by what a manager asks for in his own words."""

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.ranking import FieldedIndex, stem, terms
from prisma_assets.agents.registry import AgentRegistry, UnknownAgentError
from prisma_assets.domain.errors import InputError


@pytest.fixture(scope="module")
def registry() -> AgentRegistry:
    return AgentRegistry(firm_cards())


def test_an_agent_is_found_by_its_id(registry):
    assert registry.get("audit-plan-012").name == "Audit Planning Specialist"


def test_an_unknown_id_names_the_closest(registry):
    with pytest.raises(
        UnknownAgentError, match=r'no agent "audit-plan-12"; closest: audit-plan-012'
    ):
        registry.get("audit-plan-12")


def test_an_id_like_no_other_offers_the_list(registry):
    with pytest.raises(
        UnknownAgentError, match='no agent "???"; `prisma-assets agents list`'.replace("?", r"\?")
    ):
        registry.get("???")


@pytest.mark.parametrize(
    ("question", "agent_id"),
    [
        ("who can do lease accounting?", "acct-lease-006"),
        ("IFRS 16", "acct-lease-006"),
        ("someone to consolidate our subsidiaries", "acct-consol-008"),
        ("month-end close", "acct-close-009"),
        ("expected credit losses", "acct-fi-007"),
        ("revenue recognition under IFRS 15", "acct-rev-005"),
        ("reconcile the bank and code invoices", "acct-book-004"),
        ("KPI report for the board", "acct-mgmt-010"),
        ("who can test journal entries", "audit-analytics-017"),
        ("Benford", "audit-analytics-017"),
        ("set materiality for the audit", "audit-plan-012"),
        ("materialty", "audit-plan-012"),
        ("isa540", "audit-subst-014"),
        ("ISA 315 risk of material misstatement", "audit-risk-013"),
        ("fraud", "audit-fraud-016"),
        ("going concern", "audit-complete-019"),
        ("draft the audit opinion", "audit-report-021"),
        ("is the firm independent of this client?", "audit-ethics-045"),
        ("archive the audit file", "audit-doc-044"),
        ("IT access controls", "audit-it-046"),
        ("VAT return", "tax-vat-028"),
        ("Malta tax refund", "tax-corp-mt-026"),
        ("R&D relief in the UK", "tax-corp-uk-024"),
        ("transfer pricing", "tax-tp-029"),
        ("deferred taxes", "tax-provision-031"),
        ("appeal against the tax authority", "tax-contro-032"),
        ("beneficial owners", "corp-entity-036"),
        ("mergers", "corp-restr-039"),
        ("deadlines calendar", "corp-cal-038"),
        ("read scanned documents", "doc-intel-040"),
        ("import the trial balance", "doc-findata-042"),
        ("send a message to a client", "support-comms-047"),
        ("hide personal data", "support-security-051"),
        ("improve agents from feedback", "support-learning-050"),
    ],
)
def test_a_managers_question_finds_the_agent(registry, question, agent_id):
    assert registry.who_can(question)[0].card.id == agent_id


def test_an_answer_says_which_field_matched(registry):
    best = registry.who_can("leases under IFRS 16")[0]

    assert best.card.id == "acct-lease-006"
    assert best.matched["name"] == ("leases",)
    assert best.matched["standards"] == ("ifrs", "16", "ifrs 16")
    assert "name: leases" in best.why


@pytest.mark.parametrize("question", ["", "who can do it?", "pizza", "?!"])
def test_nobody_is_proposed_for_what_nobody_does(registry, question):
    assert registry.who_can(question) == []


def test_answers_are_ordered_limited_and_repeatable(registry):
    first = registry.who_can("tax", limit=3)
    again = AgentRegistry(firm_cards()).who_can("tax", limit=3)

    assert [c.card.id for c in first] == [c.card.id for c in again]
    assert len(first) == 3
    assert [c.score for c in first] == sorted((c.score for c in first), reverse=True)


def test_equal_answers_are_ordered_by_key():
    index = FieldedIndex({key: {"text": "same words"} for key in "bca"}, weights={"text": 1.0})

    assert [ranked.key for ranked in index.rank("words")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 51),
        ({"domain": "tax"}, 12),
        ({"risk": "critical"}, 4),
        ({"autonomy": "L3"}, 1),
        ({"domain": "audit", "risk": "medium"}, 2),
        ({"domain": "tax", "autonomy": "L3"}, 0),
    ],
)
def test_filters_narrow_the_list(registry, filters, count):
    assert len(registry.find(**filters)) == count


def test_a_standard_is_found_without_its_revision_mark(registry):
    found = [card.id for card in registry.find(standard="isa 315")]

    assert found == ["audit-risk-013", "audit-control-015", "audit-it-046"]


def test_a_standard_is_not_found_by_half_its_number(registry):
    with pytest.raises(InputError, match='no agent has standard "ISA 31"'):
        registry.find(standard="ISA 31")


def test_a_tool_is_found_by_its_exact_name(registry):
    assert [card.id for card in registry.find(tool="kam.draft")] == ["audit-report-021"]


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        (
            {"domain": "audti"},
            'no agent has domain "audti"; choose from: accounting, assurance, audit',
        ),
        ({"tool": "rag.serch"}, "choose from: rag.search"),
        ({"risk": "extreme"}, "choose from: critical, high, low, medium"),
    ],
)
def test_a_misspelt_filter_is_refused(registry, filters, says):
    """An empty list would look like an answer."""
    with pytest.raises(InputError) as caught:
        registry.find(**filters)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("consolidates", "consolidation"),
        ("confirmations", "confirm"),
        ("auditors", "audit"),
        ("independence", "independent"),
        ("liabilities", "liability"),
        ("reviewed", "reviewing"),
        ("computation", "computes"),
    ],
)
def test_forms_of_a_word_meet(one, other):
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("one", "other"), [("rate", "ration"), ("lease", "least"), ("account", "accrual")]
)
def test_different_words_stay_apart(one, other):
    assert stem(one) != stem(other)


def test_a_standard_and_its_number_are_one_term_however_written():
    assert "isa315" in terms("ISA 315R")
    assert "isa315" in terms("isa315")
    assert "isa315" in terms("isa_315")
