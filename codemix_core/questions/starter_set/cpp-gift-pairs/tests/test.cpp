#include <gtest/gtest.h>
#include "../solution/solution.cpp"

#include <climits>

TEST(GiftPairs, TooFewPrices) {
    EXPECT_EQ(countPairs({}, -10, 10), 0);
    EXPECT_EQ(countPairs({5}, 0, 20), 0);
}

TEST(GiftPairs, OnePair) {
    EXPECT_EQ(countPairs({2, 3}, 0, 10), 1);
    EXPECT_EQ(countPairs({2, 3}, 6, 10), 0);
    EXPECT_EQ(countPairs({2, 3}, 0, 4), 0);
}

TEST(GiftPairs, BothBoundsBelongToTheRange) {
    EXPECT_EQ(countPairs({2, 3}, 5, 5), 1);
    EXPECT_EQ(countPairs({1, 2, 3, 4}, 4, 6), 4);
    EXPECT_EQ(countPairs({1, 2, 3, 4}, 3, 7), 6);
    EXPECT_EQ(countPairs({1, 2, 3, 4}, 5, 5), 2);
}

TEST(GiftPairs, EqualPrices) {
    EXPECT_EQ(countPairs({4, 4, 4, 4}, 8, 8), 6);
    EXPECT_EQ(countPairs({1, 1, 2, 2}, 3, 3), 4);
}

TEST(GiftPairs, NegativePrices) {
    EXPECT_EQ(countPairs({-5, -2, 0, 2, 5}, 0, 0), 2);
    EXPECT_EQ(countPairs({-5, -2, 0, 2, 5}, -7, -1), 4);
}

TEST(GiftPairs, EmptyRange) {
    EXPECT_EQ(countPairs({1, 2, 3}, 5, 4), 0);
    EXPECT_EQ(countPairs({1, 2, 3}, 9, -9), 0);
}

TEST(GiftPairs, ExtremeBounds) {
    EXPECT_EQ(countPairs({1, 2, 3}, INT_MIN, INT_MAX), 3);
}

TEST(GiftPairs, ManyPrices) {
    std::vector<int> prices;
    for (int i = 0; i < 200000; i++) {
        prices.push_back(i);
    }
    EXPECT_EQ(countPairs(prices, 0, 399997), 19999900000LL);
    EXPECT_EQ(countPairs(prices, 199999, 199999), 100000);
}
