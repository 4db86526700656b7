"""Direct tax, value added tax, minimum tax and tax provision: dated rates and pure calculations."""
