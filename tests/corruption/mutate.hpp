// Damage of every kind that a disk, a copy or an editor does to a file.
#pragma once
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace corruption {

using Random = std::mt19937_64;

inline size_t below(Random& random, size_t n) {
    return n == 0 ? 0 : static_cast<size_t>(random() % n);
}

/// One of the first two changes is for JSON: a digit that becomes another leaves the syntax alone.
inline constexpr int kKinds = 12;

/// A damaged copy; it may by chance be the same.
inline std::string damage(std::string bytes, int kind, Random& random) {
    const size_t n = bytes.size(), at = below(random, n), other = below(random, n);
    const size_t most = 1 + below(random, 64), size = std::min(most, n - std::max(at, other));
    switch (kind) {
        case 0:  // a bit
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
            return bytes;
        case 1:  // a digit
            for (size_t i = 0; i < n; ++i) {
                char& c = bytes[(at + i) % n];
                if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
                    c = static_cast<char>('0' + random() % 10);
                    return bytes;
                }
            }
            return bytes;
        case 2:  // some bytes
            for (size_t k = 0; k <= most % 4; ++k) {
                bytes[below(random, n)] = static_cast<char>(random());
            }
            return bytes;
        case 3:  // cut
            return bytes.substr(0, at);
        case 4:  // longer
            return bytes.append(most, static_cast<char>(random()));
        case 5:  // zeros, as a lost page
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
            return bytes;
        case 6:  // one place over another
            return bytes.replace(at, size, bytes.substr(other, size));
        case 7:  // a gap
            return bytes.erase(at, most);
        case 8:  // twice
            return bytes.insert(at, bytes.substr(other, most));
        case 9: {  // two places exchanged
            const std::string a = bytes.substr(at, size), b = bytes.substr(other, size);
            return bytes.replace(at, size, b).replace(other, size, a);
        }
        case 10:  // a line or a value gone
            return bytes.erase(at, bytes.find_first_of(",\n", at) - at);
        default:
            return "";
    }
}

/// A damaged copy that differs; nothing: the file is gone.
inline std::optional<std::string> mutant(const std::string& sound, Random& random) {
    const int kind = static_cast<int>(random() % (kKinds + 1));
    if (kind == kKinds) {
        return std::nullopt;
    }
    std::string bytes = damage(sound, kind, random);
    for (int more = 0; bytes == sound; ++more) {
        bytes = damage(sound, more < 10 ? kind : 0, random);
    }
    return bytes;
}

}  // namespace corruption
