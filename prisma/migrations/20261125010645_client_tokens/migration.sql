-- What a client holds moves from the session to a token of its own, which no session has yet: sign everyone out. No release
-- has been made that could run beside this. The grants stay, without a session, until they are revoked.
DELETE FROM "Session";
DELETE FROM "SessionGroup";

-- DropIndex
DROP INDEX "Session_groupId_did_key";

-- DropIndex
DROP INDEX "Session_one_active_per_group";

-- AlterTable
ALTER TABLE "Session" DROP COLUMN "formerHash",
DROP COLUMN "graceUntil",
DROP COLUMN "isActive",
ADD COLUMN     "authenticatedAt" TIMESTAMPTZ(3) NOT NULL,
ADD COLUMN     "exchangedAt" TIMESTAMPTZ(3),
ADD COLUMN     "upgradeScopes" TEXT,
ADD COLUMN     "upgradeAskedAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "SessionGroup" ADD COLUMN     "activeDid" TEXT NOT NULL,
ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "ClientToken" (
    "id" TEXT NOT NULL,
    "secretHash" BYTEA NOT NULL,
    "kind" "SessionKind" NOT NULL,
    "groupId" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "replacesGroupId" TEXT,
    "activatesDid" TEXT,
    "mintedAt" TIMESTAMPTZ(3) NOT NULL,
    "confirmedAt" TIMESTAMPTZ(3),
    "endsAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ClientToken_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "ClientToken_groupId_idx" ON "ClientToken"("groupId");

-- CreateIndex
CREATE INDEX "ClientToken_endsAt_idx" ON "ClientToken"("endsAt");

-- CreateIndex
CREATE INDEX "Session_groupId_idx" ON "Session"("groupId");

-- AddForeignKey
ALTER TABLE "ClientToken" ADD CONSTRAINT "ClientToken_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "SessionGroup"("id") ON DELETE CASCADE ON UPDATE CASCADE;
