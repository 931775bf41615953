#include <string>

int countPassages(const std::string& events) {
    int coins = 0;
    int passed = 0;
    bool jammed = false;
    for (char event : events) {
        if (event == 'r') {
            jammed = false;
        } else if (jammed) {
            continue;
        } else if (event == 'c') {
            coins++;
        } else if (event == 'p' && coins > 0) {
            coins--;
            passed++;
        } else if (event == 'p') {
            jammed = true;
        }
    }
    return passed;
}
