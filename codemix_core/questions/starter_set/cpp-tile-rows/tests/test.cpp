#include <gtest/gtest.h>
#include "../solution/solution.cpp"

static const int BIG = 1000000007;

TEST(TileRows, TheEmptyRow) {
    EXPECT_EQ(countRows(0, {1, 2}, BIG), 1);
    EXPECT_EQ(countRows(0, {}, 2), 1);
}

TEST(TileRows, NoTiles) {
    EXPECT_EQ(countRows(1, {}, BIG), 0);
    EXPECT_EQ(countRows(3, {}, BIG), 0);
}

TEST(TileRows, TilesOfLengthOne) {
    EXPECT_EQ(countRows(1, {1}, BIG), 1);
    EXPECT_EQ(countRows(9, {1}, BIG), 1);
}

TEST(TileRows, ATileThatIsTooLong) { EXPECT_EQ(countRows(3, {4}, BIG), 0); }

TEST(TileRows, ATileThatFitsExactly) {
    EXPECT_EQ(countRows(4, {4}, BIG), 1);
    EXPECT_EQ(countRows(8, {4}, BIG), 0);
}

TEST(TileRows, EqualTilesAboveOneStayApart) {
    EXPECT_EQ(countRows(2, {1, 2}, BIG), 2);
    EXPECT_EQ(countRows(4, {1, 2}, BIG), 4);
    EXPECT_EQ(countRows(5, {1, 2}, BIG), 6);
}

TEST(TileRows, CoprimeNeighbours) {
    EXPECT_EQ(countRows(5, {2, 3}, BIG), 2);
    EXPECT_EQ(countRows(7, {2, 3}, BIG), 1);
    EXPECT_EQ(countRows(8, {2, 3}, BIG), 1);
    EXPECT_EQ(countRows(10, {4, 6}, BIG), 0);
    EXPECT_EQ(countRows(10, {2, 3}, BIG), 2);
}

TEST(TileRows, TheOrderOfTilesDoesNotMatter) {
    EXPECT_EQ(countRows(12, {1, 2, 3, 4}, BIG), 731);
    EXPECT_EQ(countRows(12, {4, 2, 1, 3}, BIG), 731);
}

TEST(TileRows, Modulus) {
    EXPECT_EQ(countRows(4, {1, 2}, 4), 0);
    EXPECT_EQ(countRows(4, {1, 2}, 3), 1);
    EXPECT_EQ(countRows(5, {1, 2}, 4), 2);
    EXPECT_EQ(countRows(60, {1, 2, 3}, 7), 6);
}

TEST(TileRows, LongRows) {
    EXPECT_EQ(countRows(60, {1, 2, 3}, BIG), 743634795);
    EXPECT_EQ(countRows(60, {1, 2, 3, 5}, BIG), 185734989);
}
