-- AlterTable
ALTER TABLE "Grant" ADD COLUMN     "attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "nextAttemptAt" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "ClientToken_activatesDid_idx" ON "ClientToken"("activatesDid") WHERE ("activatesDid" IS NOT NULL);

-- CreateIndex
CREATE INDEX "Grant_nextAttemptAt_idx" ON "Grant"("nextAttemptAt") WHERE ("nextAttemptAt" IS NOT NULL);

-- CreateIndex
CREATE INDEX "Session_awaiting_idx" ON "Session"("createdAt") WHERE ("exchangedAt" IS NULL);

-- CreateIndex
CREATE INDEX "SessionGroup_activeDid_idx" ON "SessionGroup"("activeDid");
