"""How notifications reach people: log, e-mail, webhook. What is told belongs to `prisma_assets.domain.notification`."""
