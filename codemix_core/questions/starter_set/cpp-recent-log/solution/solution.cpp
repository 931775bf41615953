#include <stdexcept>
#include <string>
#include <vector>

class RecentLog {
public:
    explicit RecentLog(int capacity) {
        if (capacity < 1) {
            throw std::invalid_argument("a log holds at least one line");
        }
        lines.resize(capacity);
    }

    void add(const std::string& line) {
        lines[added % lines.size()] = line;
        added++;
        if (held < static_cast<int>(lines.size())) {
            held++;
        }
    }

    const std::string& at(int age) const {
        if (age < 0 || age >= held) {
            throw std::out_of_range("no such line");
        }
        return lines[(added - 1 - age) % lines.size()];
    }

    int size() const { return held; }

    long long lost() const { return added - held; }

    void clear() { held = 0; }

private:
    std::vector<std::string> lines;
    long long added = 0;
    int held = 0;
};
