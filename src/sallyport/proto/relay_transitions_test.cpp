// The table of a relay machine's transitions, its page, and scripts that take every one of them. A transition outside of the
// table ends a test at once.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include <sallyport/proto/relay_test_script.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/written_page_test.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

// ---- The table

TEST(RelayTransitions, AnEventLeadsToOneStage) {
    std::set<std::pair<relay_stage, relay_event>> seen;
    for (const auto& row : relay_transitions())
        EXPECT_TRUE(seen.emplace(row.from, row.event).second) << name(row.from) << ' ' << name(row.event);
}

TEST(RelayTransitions, EveryStageIsEnteredAndCanBeClosed) {
    std::set<relay_stage> entered{relay_stage::open};
    std::set<relay_stage> closed;
    for (const auto& row : relay_transitions()) {
        EXPECT_NE(row.from, relay_stage::closing) << "nothing comes after it";
        if (row.event != relay_event::session_ended) {
            entered.insert(row.to);
            continue;
        }
        EXPECT_EQ(row.to, relay_stage::closing);
        closed.insert(row.from);
    }
    EXPECT_EQ(entered, closed);
    EXPECT_EQ(closed.size(), static_cast<std::size_t>(relay_stage::closing));
}

TEST(RelayTransitions, EveryEventOccurs) {
    std::set<relay_event> events;
    for (const auto& row : relay_transitions()) events.insert(row.event);
    EXPECT_EQ(events.size(), static_cast<std::size_t>(relay_event::session_ended) + 1);
}

TEST(RelayTransitions, AStageChangesByItsRow) {
    relay_stages stages;
    EXPECT_EQ(stages.now(), relay_stage::open);
    EXPECT_EQ(stages.taken(), 0U);
    stages.take(relay_event::command_sent);
    EXPECT_EQ(stages.now(), relay_stage::awaiting_reply);
    stages.take(relay_event::all_replied);
    EXPECT_EQ(stages.now(), relay_stage::open);
    EXPECT_NE(stages.taken(), 0U);
}

#ifdef NDEBUG
TEST(RelayTransitions, AnEventWithoutARowClosesTheSession) {
    relay_stages stages;
    stages.take(relay_event::client_tls_ended);
    EXPECT_EQ(stages.now(), relay_stage::closing);
}
#else
TEST(RelayTransitionsDeathTest, AnEventWithoutARowIsABug) {
    relay_stages stages;
    EXPECT_DEATH(stages.take(relay_event::client_tls_ended), "not in the table");
}
#endif

TEST(RelayTransitions, BytesOfALegArriveInSomeStagesOnly) {
    EXPECT_TRUE(reads_client(relay_stage::open) && reads_client(relay_stage::transfer));
    EXPECT_FALSE(reads_client(relay_stage::starting_client_tls) || reads_client(relay_stage::awaiting_auth_reply));
    EXPECT_TRUE(reads_backend(relay_stage::awaiting_auth_reply) && reads_backend(relay_stage::starting_client_tls));
    EXPECT_FALSE(reads_backend(relay_stage::starting_backend_tls) || reads_backend(relay_stage::closing));
    EXPECT_FALSE(reads_client(relay_stage::awaiting_client_hello) || reads_backend(relay_stage::awaiting_client_hello));
}

// ---- Its page, which tools/transitions-page writes with the table that this prints

TEST(RelayTransitions, ArchitectureHasThem) {
    expect_written_part(SALLYPORT_ARCHITECTURE, "tools/transitions-page", relay_transitions_page());
}

// ---- Every row is taken

class every_row : public ::testing::Test {
protected:
    void play_parts(relay_machine machine, std::initializer_list<std::string_view> parts) {
        relay_driver driver(std::move(machine), false);
        for (const auto part : parts) {
            driver.play(part);
            if (HasFatalFailure()) return;
        }
        driver.expect_nothing_left();
        taken_ |= driver.machine.stages().taken();
    }
    void run(const relay_settings& settings, std::initializer_list<std::string_view> parts) {
        play_parts(relay_machine(settings, reply{220, {"Welcome."}}), parts);
    }
    void run_selecting(const relay_settings& settings, std::initializer_list<std::string_view> parts) {
        play_parts(relay_machine(settings), parts);
    }

    /// The rows of TLS.
    void run_tls();

    std::uint64_t taken_ = 0;
};

constexpr std::string_view ends = "! expire Bye.\n< 421 Bye.\n= close\n";
constexpr std::string_view ends_after_tls = "! expire Bye.\n= tls\n! tls\n< 421 Bye.\n= close\n";
constexpr std::string_view ends_with_data = "! expire Bye.\n< 421 Bye.\n= release\n= close\n";
constexpr std::string_view welcome = "< 220 Welcome.\n";
constexpr std::string_view ready = "< 220 FTP service ready.\n";
constexpr std::string_view user = "> USER u\n>> USER u\n";

void every_row::run_tls() {
    run(with_tls(), {relay_script::auth, ends});
    run(with_tls(), {welcome, "> AUTH TLS\n< 234 Start the TLS handshake.\n= tls\n", ends_after_tls});
    run(matching(), {welcome, "> AUTH TLS\n>> AUTH TLS\n", ends});
    run(matching(), {welcome, "> AUTH TLS\n>> AUTH TLS\n<< 500 No.\n< 431 The FTP server does not support TLS.\n", ends});
    run(matching(), {welcome, "> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n= backend tls\n", ends});
    run(matching(), {welcome,
                     "> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n= backend tls\n! backend tls\n< 234 Start the TLS handshake.\n"
                     "= tls\n! tls\n",
                     ends});
    auto passed = with_tls();
    passed.auth = client_tls::passes;
    run(passed, {welcome, "> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n< 234 Go.\n= passthrough\n", ends});
    auto undecided = matching();
    undecided.auth = client_tls::chosen_by_hello;
    constexpr std::string_view hello_awaited =
        "> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n< 234 Start the TLS handshake.\n= hello\n";
    run(undecided, {welcome, hello_awaited, "! expire Bye.\n= hello\n! tls passes\n= close\n"});
    run(undecided, {welcome, hello_awaited, "! tls passes\n= passthrough\n", ends});
    run(undecided, {welcome, hello_awaited, "! tls ends here\n= backend tls\n! backend tls\n= tls\n! tls\n", ends});
    run(undecided, {welcome, user, "<< 331 P?\n< 331 P?\n", hello_awaited, "! tls ends here\n= tls\n! tls\n", ends});
    auto clearing = with_tls();
    clearing.ccc_allowed = true;
    constexpr std::string_view cleared =
        "> CCC\n< 200 The control connection is now unencrypted; data connections stay encrypted.\n= end tls\n";
    run(clearing, {relay_script::auth, login_only, protect, cleared, ends});
    run(clearing, {relay_script::auth, login_only, protect, cleared, "! tls ended\n", ends});
}

TEST_F(every_row, IsTakenByAScript) {
    // Logins
    run(usual(), {welcome, ends});
    run(usual(), {welcome, user, ends});
    run(usual(), {welcome, user, "! backend gone\n= find another for u\n! backend 192.0.2.2:21\n>> USER u\n", ends});
    run_selecting(usual(), {ready, "> USER u\n= find for u\n! no backend for this user\n< 331 Send the password.\n", ends});
    run_selecting(usual(), {ready, "> USER u\n= find for u\n! no backend\n< 421 All are down.\n= close\n"});
    auto limited = usual();
    limited.limit_users = true;
    constexpr std::string_view accepted = "<< 331 P?\n< 331 P?\n> PASS p\n>> PASS p\n<< 230 In.\n= admit u\n";
    run(limited, {welcome, user, accepted, "! admitted\n< 230 In.\n", ends});
    run(limited, {welcome, user, accepted,
                  "! not admitted\n< 421 Too many sessions of this user; close one, or try again later.\n= close\n"});

    // Data connections
    run(usual(), {login, passive, ends_with_data});
    run(usual(), {login, passive, retrieving, "! data complete\n<< 226 Done.\n< 226 Done.\n", ends});
    run(usual(), {login, passive, retrieving, ends_with_data});
    run(usual(), {login, "> PASV\n>> PASV\n", ends});
    run(usual(), {login, "> PASV\n>> PASV\n<< 227 Ok (172,16,3,4,204,173)\n= reserve\n", ends_with_data});
    auto any_method = usual();
    any_method.backend.refused = {};
    run(any_method, {login, "> PASV\n>> EPSV\n<< 500 What?\n>> PASV\n<< 500 What?\n< 500 What?\n", ends});
    auto active = usual();
    active.data_mode = backend_data_mode::eprt;
    run(active, {login, "> PASV\n= reserve for backend extended\n", ends});
    run(active,
        {login, "> PASV\n= reserve for backend extended\n! no port\n< 425 All passive ports are in use; try again later.\n",
         ends});
    run(active, {login, "> PASV\n= reserve for backend extended\n! port 192.0.2.9:5000\n>> EPRT |1|192.0.2.9|5000|\n",
                 "<< 500 No.\n= release\n< 425 The FTP server refused EPRT: No.\n", ends});
    active.backend.direct.active = true;
    run(active,
        {login, "> PORT 198,51,100,7,200,0\n>> PORT 198,51,100,7,200,0\n<< 500 No.\n= reserve for backend extended\n",
         ends});

    auto forwarded = usual();
    forwarded.data_mode = backend_data_mode::match;
    forwarded.paths.kernel = kernel_forwarding::available;
    constexpr std::string_view opening =
        "> PORT 198,51,100,7,200,0\n= reserve for backend\n! port 192.0.2.9:5000\n"
        ">> PORT 192,0,2,9,19,136\n<< 200 Good.\n= open port\n";
    run(forwarded, {login, opening, "! opened\n< 200 PORT command successful.\n", ends_with_data});
    run(forwarded, {login, opening, "! not opened\n= release\n>> PASV\n", ends});
    run(forwarded, {login, opening, ends_with_data});

    run_tls();
    const auto rows = relay_transitions();
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_NE(taken_ & (std::uint64_t{1} << i), 0U) << name(rows[i].from) << ' ' << name(rows[i].event);
}

}  // namespace
}  // namespace sallyport::proto
