#include <vector>

static long long pairsUpTo(const std::vector<int>& prices, long long sum) {
    long long count = 0;
    int left = 0;
    int right = static_cast<int>(prices.size()) - 1;
    while (left < right) {
        if (prices[left] + prices[right] <= sum) {
            count += right - left;
            left++;
        } else {
            right--;
        }
    }
    return count;
}

long long countPairs(const std::vector<int>& prices, int low, int high) {
    if (low > high) {
        return 0;
    }
    return pairsUpTo(prices, high) - pairsUpTo(prices, low - 1LL);
}
