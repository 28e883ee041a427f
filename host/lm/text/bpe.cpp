// See bpe.hpp.  Short pieces scan for the best pair; long ones use a queue over a linked list, O(n
// log n).
#include "lm/text/bpe.hpp"

#include "lm/text/utf8.hpp"

#include <algorithm>

namespace samara::host {

namespace {

constexpr size_t kScanLength = 40;       // symbols; above, the queue is faster
constexpr size_t kCachePiece = 64;       // bytes; longer pieces hardly return
constexpr size_t kCacheEntries = 50000;  // about 8 MB; then the cache starts anew

bool queued_later(const BpeBuffers::Candidate& a, const BpeBuffers::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

uint64_t key_of(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32U) |
           static_cast<uint32_t>(right);
}

size_t slot_of(uint64_t pair, size_t slots) {
    return static_cast<size_t>((pair * 0x9E3779B97F4A7C15ULL) >> 20U) & (slots - 1);
}

}  // namespace

const BpeModel::Merge* BpeModel::merge_of(int32_t left, int32_t right) const {
    const uint64_t pair = key_of(left, right);
    for (size_t slot = slot_of(pair, merges_.size());; slot = (slot + 1) & (merges_.size() - 1)) {
        if (merges_[slot].pair == pair) {
            return &merges_[slot];
        }
        if (merges_[slot].pair == UINT64_MAX) {
            return nullptr;
        }
    }
}

void BpeModel::add_merge(uint64_t pair, int32_t rank, int32_t merged) {
    size_t slot = slot_of(pair, merges_.size());
    while (merges_[slot].pair != UINT64_MAX && merges_[slot].pair != pair) {
        slot = (slot + 1) & (merges_.size() - 1);
    }
    merges_[slot] = {pair, rank, merged};  // a repeated pair: the last one counts
}

int32_t BpeModel::find(std::string_view token) const {
    const auto found = vocab_.find(token);
    return found == vocab_.end() ? -1 : found->second;
}

void BpeModel::merge_short(BpeBuffers& buffers) const {
    auto& ids = buffers.ids;
    auto& ranks = buffers.ranks;  // ranks[i]: of the pair (i, i + 1)
    const auto rank_at = [&](size_t i) {
        const Merge* merge = i + 1 < ids.size() ? merge_of(ids[i], ids[i + 1]) : nullptr;
        return merge != nullptr ? merge->rank : INT32_MAX;
    };
    ranks.resize(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
        ranks[i] = rank_at(i);
    }
    while (ids.size() > 1) {
        const auto best = std::min_element(ranks.begin(), ranks.end());
        if (*best == INT32_MAX) {
            return;
        }
        const auto at = static_cast<size_t>(best - ranks.begin());
        ids[at] = merge_of(ids[at], ids[at + 1])->merged;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        ranks.erase(best + 1);
        ranks[at] = rank_at(at);
        if (at > 0) {
            ranks[at - 1] = rank_at(at - 1);
        }
    }
}

void BpeModel::queue_pair(BpeBuffers& buffers, int32_t at) const {
    const auto& symbols = buffers.symbols;
    if (at < 0 || symbols[static_cast<size_t>(at)].next < 0) {
        return;
    }
    const auto& left = symbols[static_cast<size_t>(at)];
    const Merge* merge = merge_of(left.id, symbols[static_cast<size_t>(left.next)].id);
    if (merge != nullptr) {
        buffers.queue.push_back({merge->rank, at, merge->merged});
        std::push_heap(buffers.queue.begin(), buffers.queue.end(), queued_later);
    }
}

void BpeModel::merge_long(BpeBuffers& buffers) const {
    auto& symbols = buffers.symbols;
    auto& ids = buffers.ids;
    const auto count = static_cast<int32_t>(ids.size());
    symbols.clear();
    buffers.queue.clear();
    for (int32_t i = 0; i < count; ++i) {
        symbols.push_back({ids[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
    }
    for (int32_t i = 0; i < count; ++i) {
        queue_pair(buffers, i);
    }
    while (!buffers.queue.empty()) {
        std::pop_heap(buffers.queue.begin(), buffers.queue.end(), queued_later);
        const BpeBuffers::Candidate best = buffers.queue.back();
        buffers.queue.pop_back();
        auto& left = symbols[static_cast<size_t>(best.at)];
        if (left.id < 0 || left.next < 0) {
            continue;  // merged away since it was queued
        }
        auto& right = symbols[static_cast<size_t>(left.next)];
        const Merge* merge = merge_of(left.id, right.id);
        if (merge == nullptr || merge->merged != best.merged) {
            continue;  // one side has changed since
        }
        left.id = best.merged;
        left.next = right.next;
        right.id = -1;
        if (left.next >= 0) {
            symbols[static_cast<size_t>(left.next)].previous = best.at;
        }
        queue_pair(buffers, left.previous);
        queue_pair(buffers, best.at);
    }
    ids.clear();
    for (int32_t i = count > 0 ? 0 : -1; i >= 0; i = symbols[static_cast<size_t>(i)].next) {
        ids.push_back(symbols[static_cast<size_t>(i)].id);
    }
}

/// The character's bytes as tokens; false, and nothing appended, if one of them has none.
bool BpeModel::append_bytes(std::string_view character, std::vector<int32_t>& ids) const {
    for (size_t i = 0; i < character.size(); ++i) {
        const int32_t id = byte_ids_[static_cast<uint8_t>(character[i])];
        if (id < 0) {
            ids.resize(ids.size() - i);
            return false;
        }
        ids.push_back(id);
    }
    return true;
}

/// What merging begins with.  The order of steps is that of the library's merge_word: an unknown
/// token waits for the next known character, and byte tokens do not release it.
void BpeModel::first_symbols(std::string_view piece, std::vector<int32_t>& ids) const {
    bool waiting = false;
    const auto flush = [&] {
        if (waiting) {
            ids.push_back(unknown_);
        }
        waiting = false;
    };
    for (size_t at = 0, length = 1; at < piece.size(); at += length) {
        length = byte_level_ ? 1 : utf8_at(piece, at).length;
        const int32_t id = byte_level_ ? byte_ids_[static_cast<uint8_t>(piece[at])]
                                       : find(piece.substr(at, length));
        if (id >= 0) {
            flush();
            ids.push_back(id);
        } else if (!(byte_fallback_ && append_bytes(piece.substr(at, length), ids)) &&
                   unknown_ >= 0) {
            if (!fuse_unknown_) {
                flush();
            }
            waiting = true;
        }
    }
    flush();
}

void BpeModel::encode(std::string_view piece,
                      BpeBuffers& buffers,
                      std::vector<int64_t>& out) const {
    if (ignore_merges_) {
        const auto found = whole_.find(piece);
        if (found != whole_.end()) {
            out.push_back(found->second);
            return;
        }
    }
    const bool cached = piece.size() <= kCachePiece;
    if (cached) {
        const auto found = buffers.cache.find(piece);
        if (found != buffers.cache.end()) {
            out.insert(out.end(), found->second.begin(), found->second.end());
            return;
        }
    }
    buffers.ids.clear();
    first_symbols(piece, buffers.ids);
    buffers.ids.size() <= kScanLength ? merge_short(buffers) : merge_long(buffers);
    out.insert(out.end(), buffers.ids.begin(), buffers.ids.end());
    if (cached) {
        if (buffers.cache.size() >= kCacheEntries) {
            buffers.cache.clear();
        }
        buffers.cache.emplace(piece, buffers.ids);
    }
}

}  // namespace samara::host
