// Back-pressure of the relay machine: while the backend takes nothing, the client's commands wait in its socket and not here
// (G5).

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

constexpr std::size_t output_limit = 64UL * 1024;

const std::string line = "DELE " + std::string(limits::max_command_line - 10, 'a') + "\r\n";

void settle(relay_machine& machine) {
    while (!std::holds_alternative<relay_act::idle>(machine.next())) {
    }
}

/// A machine whose client has logged in.
[[nodiscard]] relay_machine logged_in() {
    relay_machine machine(usual(), reply{220, {"Welcome."}});
    std::string out;
    machine.from_client("USER u\r\n");
    settle(machine);
    machine.from_backend("230 In.\r\n");
    settle(machine);
    machine.release_backend_output(out);
    return machine;
}

TEST(RelayFlow, StopsReadingTheClientWhileTheBackendIsSlow) {
    auto machine = logged_in();
    std::size_t read = 0;
    for (; machine.can_read_client() && read < 60; ++read) {
        machine.from_client(line);
        settle(machine);
    }
    EXPECT_LT(read, 60U) << "before the queue of pending replies is full";
    std::string out;
    machine.release_backend_output(out);
    EXPECT_GE(out.size(), output_limit);
    EXPECT_LE(out.size(), output_limit + line.size());
    EXPECT_TRUE(machine.can_read_client()) << "the backend has taken it";
}

TEST(RelayFlow, SendsTheBackendNoMoreThanItReads) {
    auto machine = logged_in();
    constexpr int lines = 40;
    std::string all;
    for (int i = 0; i < lines; ++i) all += line;
    machine.from_client(all);  // at once
    settle(machine);
    std::size_t sent = 0;
    std::string out;
    for (machine.release_backend_output(out); !out.empty(); machine.release_backend_output(out)) {
        EXPECT_LE(out.size(), output_limit + line.size());
        sent += out.size();
        settle(machine);
    }
    EXPECT_EQ(sent, all.size());
}

}  // namespace
}  // namespace sallyport::proto
