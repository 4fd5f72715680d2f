-- A grant is sealed for its generation too, so that none that was sealed before opens any more: sign everyone out. No release
-- has been made that could run beside this.
DELETE FROM "Session";
DELETE FROM "SessionGroup";
DELETE FROM "Grant";

-- AlterTable
ALTER TABLE "Grant" ADD COLUMN     "accessEndsAt" TIMESTAMPTZ(3),
ADD COLUMN     "generation" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "leaseFence" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "leaseUntil" TIMESTAMPTZ(3),
ADD COLUMN     "lostReason" TEXT,
ADD COLUMN     "refreshAfter" TIMESTAMPTZ(3) NOT NULL,
ADD COLUMN     "sentAt" TIMESTAMPTZ(3);
