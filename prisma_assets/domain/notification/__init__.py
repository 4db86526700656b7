"""What people are told, and when it is tried again. How it travels is `prisma_assets.notify`."""
