-- DropIndex
DROP INDEX "Session_groupId_idx";

-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "formerHash" BYTEA,
ADD COLUMN     "graceUntil" TIMESTAMPTZ(3),
ADD COLUMN     "linkedAt" TIMESTAMPTZ(3);

-- Sessions from before groups could have more than one account were linked when they were made.
UPDATE "Session" SET "linkedAt" = "createdAt";
ALTER TABLE "Session" ALTER COLUMN "linkedAt" SET NOT NULL;

-- A session that awaits its exchange is in no group any more.
UPDATE "Session" SET "groupId" = NULL WHERE "secretHash" IS NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Session_groupId_did_key" ON "Session"("groupId", "did");

-- CreateIndex
CREATE UNIQUE INDEX "Session_one_active_per_group" ON "Session"("groupId") WHERE ("isActive" = true);
