-- CreateTable
CREATE TABLE "ClaimedFlow" (
    "id" TEXT NOT NULL,
    "endsAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ClaimedFlow_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "ClaimedFlow_endsAt_idx" ON "ClaimedFlow"("endsAt");
