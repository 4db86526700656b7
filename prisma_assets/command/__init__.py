"""The subcommands of `prisma-assets`, by noun."""
