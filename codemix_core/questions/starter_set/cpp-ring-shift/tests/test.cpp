#include <gtest/gtest.h>
#include "../solution/solution.cpp"

using Table = std::vector<std::vector<int>>;

TEST(RingShift, EmptyTable) { EXPECT_EQ(shiftRing({}), Table{}); }

TEST(RingShift, OneRowStays) {
    EXPECT_EQ(shiftRing({{1, 2, 3}}), (Table{{1, 2, 3}}));
    EXPECT_EQ(shiftRing({{5}}), (Table{{5}}));
}

TEST(RingShift, OneColumnStays) { EXPECT_EQ(shiftRing({{1}, {2}, {3}}), (Table{{1}, {2}, {3}})); }

TEST(RingShift, RowsWithoutColumnsStay) { EXPECT_EQ(shiftRing({{}, {}}), (Table{{}, {}})); }

TEST(RingShift, TwoByTwo) { EXPECT_EQ(shiftRing({{1, 2}, {3, 4}}), (Table{{3, 1}, {4, 2}})); }

TEST(RingShift, ThreeByThree) {
    EXPECT_EQ(shiftRing({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}),
              (Table{{4, 1, 2}, {7, 5, 3}, {8, 9, 6}}));
}

TEST(RingShift, WideTable) {
    EXPECT_EQ(shiftRing({{1, 2, 3, 4}, {5, 6, 7, 8}}), (Table{{5, 1, 2, 3}, {6, 7, 8, 4}}));
}

TEST(RingShift, TallTable) {
    EXPECT_EQ(shiftRing({{1, 2}, {3, 4}, {5, 6}, {7, 8}}), (Table{{3, 1}, {5, 2}, {7, 4}, {8, 6}}));
}

TEST(RingShift, InnerNumbersStay) {
    EXPECT_EQ(shiftRing({{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}, {13, 14, 15, 16}}),
              (Table{{5, 1, 2, 3}, {9, 6, 7, 4}, {13, 10, 11, 8}, {14, 15, 16, 12}}));
}

TEST(RingShift, AFullTurnChangesNothing) {
    Table table = {{1, 2, 3}, {4, 5, 6}};
    Table turned = table;
    for (int i = 0; i < 6; i++) {
        turned = shiftRing(turned);
    }
    EXPECT_EQ(turned, table);
}
