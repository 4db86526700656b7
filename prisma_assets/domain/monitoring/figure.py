"""How figures are written for people. Loads nothing heavy: whatever tells of a figure may import it."""


def number(value: float) -> str:
    """Three significant digits, whole numbers from a thousand on."""
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"
