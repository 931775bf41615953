#include <gtest/gtest.h>
#include "../solution/solution.cpp"

TEST(PaintCrews, NoRooms) { EXPECT_EQ(shortestDay({}, 3), 0); }

TEST(PaintCrews, OneRoom) {
    EXPECT_EQ(shortestDay({7}, 1), 7);
    EXPECT_EQ(shortestDay({7}, 4), 7);
}

TEST(PaintCrews, OneCrewPaintsAll) { EXPECT_EQ(shortestDay({3, 1, 4, 1, 5}, 1), 14); }

TEST(PaintCrews, ACrewForEveryRoom) {
    EXPECT_EQ(shortestDay({3, 1, 4, 1, 5}, 5), 5);
    EXPECT_EQ(shortestDay({3, 9, 4, 1, 5}, 50), 9);
}

TEST(PaintCrews, TwoCrews) {
    EXPECT_EQ(shortestDay({3, 1, 4, 1, 5}, 2), 8);
    EXPECT_EQ(shortestDay({10, 1, 1, 1}, 2), 10);
    EXPECT_EQ(shortestDay({1, 1, 1, 10}, 2), 10);
    EXPECT_EQ(shortestDay({5, 5}, 2), 5);
}

TEST(PaintCrews, ThreeCrews) {
    EXPECT_EQ(shortestDay({2, 3, 4, 5, 6, 7}, 3), 11);
    EXPECT_EQ(shortestDay({8, 2, 2, 2, 8}, 3), 8);
}

TEST(PaintCrews, RoomsKeepTheirOrder) { EXPECT_EQ(shortestDay({1, 9, 1, 9, 1, 9}, 3), 10); }

TEST(PaintCrews, LargeTimes) {
    EXPECT_EQ(shortestDay({700000000, 700000000, 700000000}, 2), 1400000000);
    EXPECT_EQ(shortestDay({1000000000, 1000000000}, 2), 1000000000);
}

TEST(PaintCrews, ManyRooms) {
    std::vector<int> rooms(10000, 3);
    EXPECT_EQ(shortestDay(rooms, 100), 300);
    EXPECT_EQ(shortestDay(rooms, 99), 306);
}
