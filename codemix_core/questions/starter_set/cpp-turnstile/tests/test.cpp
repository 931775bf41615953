#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(Turnstile, NothingHappens) {
    EXPECT_EQ(countPassages(""), 0);
    EXPECT_EQ(countPassages("ccc"), 0);
}

TEST(Turnstile, OneCoinOnePassage) {
    EXPECT_EQ(countPassages("cp"), 1);
    EXPECT_EQ(countPassages("cpcpcp"), 3);
}

TEST(Turnstile, CoinsAreKept) {
    EXPECT_EQ(countPassages("cccppp"), 3);
    EXPECT_EQ(countPassages("ccpcpp"), 3);
}

TEST(Turnstile, PushingALockedOneJamsIt) {
    EXPECT_EQ(countPassages("pcp"), 0);
    EXPECT_EQ(countPassages("cppcpcp"), 1);
}

TEST(Turnstile, RepairUnlocksNothing) {
    EXPECT_EQ(countPassages("prcp"), 1);
    EXPECT_EQ(countPassages("prp"), 0);
    EXPECT_EQ(countPassages("prprcp"), 1);
}

TEST(Turnstile, CoinsInAJammedOneAreLost) {
    EXPECT_EQ(countPassages("pccrp"), 0);
    EXPECT_EQ(countPassages("pcrcpp"), 1);
}

TEST(Turnstile, RepairOfAWorkingOneDoesNothing) {
    EXPECT_EQ(countPassages("crp"), 1);
    EXPECT_EQ(countPassages("rcrcprp"), 2);
}

TEST(Turnstile, OtherLettersAreIgnored) {
    EXPECT_EQ(countPassages("xcyp z"), 1);
    EXPECT_EQ(countPassages("xyzqsobd cp"), 1);
    EXPECT_EQ(countPassages("CcPp"), 1);
    EXPECT_EQ(countPassages("cp q p r cp"), 2);
}
