-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "askedScope" TEXT;

-- CreateTable
CREATE TABLE "PermissionSet" (
    "nsid" TEXT NOT NULL,
    "did" TEXT NOT NULL,
    "cid" TEXT NOT NULL,
    "definition" TEXT NOT NULL,
    "fetchedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "PermissionSet_pkey" PRIMARY KEY ("nsid")
);
