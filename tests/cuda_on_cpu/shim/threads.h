// A block's threads as threads of the system: slow, but the thread sanitizer sees when two of them touch one place with no
// barrier between. Mistakes that fibers.h names (divergent barriers, barriers after an exit) end here as a wait in vain.
#pragma once

namespace shim {

struct Meeting {  // what a thread takes away
    uint64_t received;
    unsigned votes;
};

class Gate {  // opens when as many threads have come as are expected
    std::mutex mutex;
    std::condition_variable opened;
    unsigned waiting = 0, rounds = 0, counting = 0, counted = 0;

public:
    unsigned pass(unsigned expected, bool vote, Place place) {  // -> the number of votes
        std::unique_lock<std::mutex> lock(mutex);
        counting += vote;
        if (++waiting == expected) {
            counted = counting;
            waiting = counting = 0;
            ++rounds;
            opened.notify_all();
            return counted;
        }
        auto end = std::chrono::system_clock::now() + std::chrono::seconds(60);
        if (!opened.wait_until(lock, end, [this, round = rounds] { return rounds != round; })) {
            fprintf(stderr, "deadlock: %s waits for ever in %s at %s:%d\n", name(self).text, place.what, place.file, place.line);
            abort();
        }
        return counted;
    }
};

// One gate for the block, and in each warp one for each mask. Looking for a mask orders nothing between threads (relaxed).
constexpr unsigned MASKS = 64;
static Gate block_gate, gates[MAX_THREADS / WARP][MASKS];
static std::atomic<unsigned> masks[MAX_THREADS / WARP][MASKS];
static uint64_t values[MAX_THREADS];

static Gate& gate_of(unsigned mask) {
    const unsigned warp = self / WARP;
    for (unsigned i = 0; i < MASKS; ++i) {
        unsigned found = 0;
        if (masks[warp][i].compare_exchange_strong(found, mask, std::memory_order_relaxed) || found == mask) return gates[warp][i];
    }
    fprintf(stderr, "a warp of this block meets under more than %u masks\n", MASKS);
    abort();
}

static Meeting meet_block(bool vote, Place place) { return {0, block_gate.pass(size, vote, place)}; }

static Meeting meet_warp(unsigned mask, uint64_t value, int source, Place place) {
    const unsigned first = self / WARP * WARP, present = mask & lanes_of_warp();
    const unsigned expected = __builtin_popcount(present);
    Gate& gate = gate_of(present);
    values[self] = value;
    gate.pass(expected, false, place);
    Meeting mine = {present >> source & 1 ? values[first + source] : ~(uint64_t)0, 0};
    for (unsigned lane = 0; lane < WARP; ++lane)
        if (present >> lane & 1) mine.votes |= (unsigned)(values[first + lane] != 0) << lane;
    gate.pass(expected, false, place);  // only then may anyone bring the next value
    return mine;
}

static void run_block() {
    for (auto& warp : masks)
        for (auto& mask : warp) mask.store(0, std::memory_order_relaxed);
    std::vector<std::thread> threads;
    for (unsigned k = 0; k < size; ++k)
        threads.emplace_back([t = backwards ? size - 1 - k : k] {
            enter(t);
            kernel(arguments);
        });
    for (auto& thread : threads) thread.join();
}

}  // namespace shim
