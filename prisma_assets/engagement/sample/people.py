"""Who the sample company is and deals with; every name is made up from word lists.

What they do in the books does not belong here.
"""

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.object_]

CLIENT_NAME = "Tillerbrook Industrial Supply (fictional)"

DESKS = {
    "accruals": "b.quillfeather",
    "payroll": "n.dapplewood",
    "inventory": "o.thistlemere",
    "assets": "r.plumgate",
}
"""The general ledger accountants, who key nearly all manual entries, by what they look after."""
APPROVERS = ("v.marrowby", "s.larkenfield")
"""Controller and assistant controller."""
OUTSIDERS = (
    "t.copperwick", "w.brindlehurst", "j.foxglint", "h.saltmarrow", "y.umberlow", "e.wrenfold",
    "c.driftmere", "p.gorsewell", "l.tanglebeck", "m.osierly",
)  # fmt: skip
"""Sales, warehouse, technology and management: they can key manual entries and hardly ever do."""

_FRONT = (
    "Amber", "Birch", "Cinder", "Drift", "Ember", "Fallow", "Gable", "Hollow", "Iron", "Juniper", "Kestrel",
    "Lantern", "Mallow", "North", "Otter", "Pewter", "Quarry", "Raven", "Saddle", "Thorn", "Umber", "Vesper",
    "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
_BACK = (
    "beck", "bridge", "croft", "dale", "field", "ford", "gate", "ham", "hurst", "ley", "mere", "mill", "moor",
    "ridge", "stead", "stoke", "ton", "vale", "well", "wick",
)  # fmt: skip
_BUYERS = (
    "Assembly", "Builders", "Casting", "Conveyors", "Dairy", "Engines", "Fabrication", "Foundry", "Furniture",
    "Machining", "Maintenance", "Millwork", "Motors", "Plumbing", "Precision", "School District", "Steel", "Tooling",
)  # fmt: skip
_SELLERS = (
    "Abrasives", "Bearings", "Bolt Works", "Cable", "Chain", "Coatings", "Drills", "Electric", "Fluid Power",
    "Freight", "Gloves", "Hydraulics", "Lamps", "Leasing", "Packaging", "Properties", "Services", "Tools",
)  # fmt: skip


def customer_names(rng: np.random.Generator, count: int) -> Texts:
    """As many different customer names; at most 9,000."""
    return _names(rng, count, _BUYERS)


def supplier_names(rng: np.random.Generator, count: int) -> Texts:
    """As many different supplier names; at most 9,000."""
    return _names(rng, count, _SELLERS)


def _names(rng: np.random.Generator, count: int, trades: tuple[str, ...]) -> Texts:
    chosen = rng.choice(len(_FRONT) * len(_BACK) * len(trades), size=count, replace=False)
    names = [
        f"{_FRONT[i // (len(_BACK) * len(trades))]}{_BACK[i // len(trades) % len(_BACK)]} {trades[i % len(trades)]}"
        for i in chosen.tolist()
    ]
    return np.array(names, dtype=object)


def approvers_for(rng: np.random.Generator, count: int) -> Texts:
    """The approver of each manual entry."""
    return np.array(APPROVERS, dtype=object)[rng.integers(0, len(APPROVERS), size=count)]
