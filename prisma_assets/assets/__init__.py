"""What Dagster sees of the learning loop: thin assets round use cases of `prisma_assets.learning`. No computing here."""
