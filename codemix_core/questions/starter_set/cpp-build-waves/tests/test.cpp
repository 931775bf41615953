#include <gtest/gtest.h>
#include "../solution/solution.cpp"

using Sizes = std::vector<int>;

TEST(BuildWaves, NoParts) { EXPECT_EQ(buildWaves(0, {}), Sizes{}); }

TEST(BuildWaves, IndependentParts) { EXPECT_EQ(buildWaves(4, {}), (Sizes{4})); }

TEST(BuildWaves, AChain) {
    EXPECT_EQ(buildWaves(3, {{2, 1}, {1, 0}}), (Sizes{1, 1, 1}));
    EXPECT_EQ(buildWaves(3, {{0, 1}, {1, 2}}), (Sizes{1, 1, 1}));
}

TEST(BuildWaves, ADiamond) {
    EXPECT_EQ(buildWaves(4, {{3, 1}, {3, 2}, {1, 0}, {2, 0}}), (Sizes{1, 2, 1}));
}

TEST(BuildWaves, APartWaitsForItsLastNeed) {
    EXPECT_EQ(buildWaves(4, {{3, 0}, {3, 2}, {2, 1}}), (Sizes{2, 1, 1}));
    EXPECT_EQ(buildWaves(5, {{4, 0}, {4, 1}, {4, 2}, {4, 3}}), (Sizes{4, 1}));
}

TEST(BuildWaves, RepeatedPairs) {
    EXPECT_EQ(buildWaves(3, {{1, 0}, {1, 0}, {2, 1}, {1, 0}}), (Sizes{1, 1, 1}));
}

TEST(BuildWaves, ACircle) {
    EXPECT_EQ(buildWaves(2, {{0, 1}, {1, 0}}), (Sizes{-2}));
    EXPECT_EQ(buildWaves(1, {{0, 0}}), (Sizes{-1}));
}

TEST(BuildWaves, PartsThatNeedACircle) {
    EXPECT_EQ(buildWaves(5, {{1, 2}, {2, 1}, {3, 2}, {4, 0}}), (Sizes{1, 1, -3}));
    EXPECT_EQ(buildWaves(4, {{1, 1}, {2, 1}}), (Sizes{2, -2}));
}

TEST(BuildWaves, ManyParts) {
    std::vector<std::pair<int, int>> needs;
    for (int part = 1; part < 5000; part++) {
        needs.emplace_back(part, part / 2);
    }
    Sizes expected = {1, 1};
    for (int size = 2; size < 4096; size *= 2) {
        expected.push_back(size);
    }
    expected.push_back(5000 - 4096);
    EXPECT_EQ(buildWaves(5000, needs), expected);
}
