#include <numeric>
#include <vector>

int countRows(int length, const std::vector<int>& tiles, int modulus) {
    if (length == 0) {
        return 1;
    }
    size_t kinds = tiles.size();
    std::vector<std::vector<long long>> ways(length + 1, std::vector<long long>(kinds));
    for (int n = 1; n <= length; n++) {
        for (size_t t = 0; t < kinds; t++) {
            int before = n - tiles[t];
            if (before == 0) {
                ways[n][t] = 1;
            }
            for (size_t u = 0; before > 0 && u < kinds; u++) {
                if (std::gcd(tiles[t], tiles[u]) == 1) {
                    ways[n][t] = (ways[n][t] + ways[before][u]) % modulus;
                }
            }
        }
    }
    long long total = 0;
    for (long long count : ways[length]) {
        total += count;
    }
    return total % modulus;
}
