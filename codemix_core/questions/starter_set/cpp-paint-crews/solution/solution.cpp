#include <algorithm>
#include <vector>

static int crewsNeeded(const std::vector<int>& rooms, int limit) {
    int crews = 1;
    int used = 0;
    for (int minutes : rooms) {
        if (used + minutes > limit) {
            crews++;
            used = 0;
        }
        used += minutes;
    }
    return crews;
}

int shortestDay(const std::vector<int>& rooms, int crews) {
    int low = 0;
    int high = 0;
    for (int minutes : rooms) {
        low = std::max(low, minutes);
        high += minutes;
    }
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (crewsNeeded(rooms, middle) <= crews) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
