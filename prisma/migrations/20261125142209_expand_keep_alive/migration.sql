-- AlterTable
ALTER TABLE "Grant" ADD COLUMN     "keepAliveAfter" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "Grant_keepAliveAfter_idx" ON "Grant"("keepAliveAfter") WHERE ("keepAliveAfter" IS NOT NULL);
