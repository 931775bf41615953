#include <utility>
#include <vector>

std::vector<int> buildWaves(int parts, const std::vector<std::pair<int, int>>& needs) {
    std::vector<int> open(parts);
    std::vector<std::vector<int>> users(parts);
    for (const auto& [user, needed] : needs) {
        open[user]++;
        users[needed].push_back(user);
    }
    std::vector<int> wave;
    for (int part = 0; part < parts; part++) {
        if (open[part] == 0) {
            wave.push_back(part);
        }
    }
    std::vector<int> sizes;
    int left = parts;
    while (!wave.empty()) {
        int size = wave.size();
        sizes.push_back(size);
        left -= size;
        std::vector<int> next;
        for (int part : wave) {
            for (int user : users[part]) {
                open[user]--;
                if (open[user] == 0) {
                    next.push_back(user);
                }
            }
        }
        wave = next;
    }
    if (left > 0) {
        sizes.push_back(-left);
    }
    return sizes;
}
