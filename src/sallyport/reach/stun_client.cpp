#include <sallyport/reach/stun_client.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/named_server.hpp>
#include <sallyport/reach/random.hpp>

namespace sallyport::reach {
namespace {

std::string_view text_of(const datagram& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// A question over UDP that waits for its answer.
struct udp_question {
    explicit udp_question(net::loop& loop) : answered(loop) {}

    endpoint server;
    stun_transaction id{};
    std::optional<result<endpoint>> answer;
    net::event answered;
};

/// What the coroutines of one call share.
struct stun_round {
    stun_round(net::loop& l, net::deadline until_time, std::vector<stun_server> servers)
        : loop(l),
          until(until_time),
          socket(l, unique_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))),
          running(2 * servers.size()) {
        for (const auto& server : servers) {
            for (const bool over_tcp : {false, true}) attempts.push_back({.server = server, .over_tcp = over_tcp});
            questions.push_back(std::make_unique<udp_question>(l));
        }
    }
    void finish_one() {
        --running;
        socket.interrupt_read();
    }

    net::loop& loop;
    net::deadline until;
    net::descriptor socket;
    // Coroutines.
    std::size_t running;
    std::vector<stun_attempt> attempts;
    // One for each server.
    std::vector<std::unique_ptr<udp_question>> questions;
};

using shared_round = std::shared_ptr<stun_round>;

result<stun_observation> observation(const endpoint& server, const endpoint& local, const result<endpoint>& external,
                                     bool over_tcp) {
    if (!external) return std::unexpected(external.error());
    return stun_observation{.server = server, .local = local, .external = *external, .over_tcp = over_tcp};
}

// ---- UDP

/// Delivers everything that has arrived to the questions. Datagrams that are no answer of a server to its question are
/// dropped.
void receive_answers(const stun_round& round) {
    std::array<std::uint8_t, limits::max_stun_message> buffer;
    for (;;) {
        net::socket_address from;
        const auto size = ::recvfrom(round.socket.get(), buffer.data(), buffer.size(), MSG_TRUNC, from.data(), from.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return;
        if (static_cast<std::size_t>(size) > buffer.size()) continue;
        const auto sender = from.value();
        for (const auto& question : round.questions) {
            if (question->server != sender || question->answer) continue;
            auto answer = parse_stun_answer(datagram_view(buffer).first(static_cast<std::size_t>(size)), question->id);
            const bool is_dropped =
                !answer && (answer.error().code == errc::stray_reply || answer.error().code == errc::syntax);
            if (is_dropped) continue;
            question->answer = std::move(answer);
            question->answered.set();
        }
    }
}

/// RFC 8489 section 6.2.1: the question is sent again after twice the previous time.
net::task<result<endpoint>> ask_over_udp(shared_round round, udp_question& question) {
    const net::socket_address to(question.server);
    const auto bytes = stun_question(question.id);
    for (net::clock::duration pause = limits::first_stun_retransmission; net::clock::now() < round->until; pause *= 2) {
        if (::sendto(round->socket.get(), bytes.data(), bytes.size(), 0, to.data(), to.length()) < 0 && errno != EAGAIN &&
            errno != EINTR)
            co_return fail_os(errno, fmt::format("cannot send to {}", question.server.text()));
        if (co_await question.answered.wait(std::min(round->until, net::clock::now() + pause))) co_return *question.answer;
    }
    co_return fail(errc::timeout, fmt::format("no answer from {} over UDP", question.server.text()));
}

net::task<> attempt_over_udp(shared_round round, std::size_t index) {
    const at_exit finish([&round] { round->finish_one(); });
    auto& question = *round->questions[index];
    const auto external = co_await ask_over_udp(round, question);
    const auto address = net::own_address_for(question.server.address);
    const auto local = endpoint{address ? *address : ip_address(), net::local_endpoint(round->socket.get()).port};
    round->attempts[2 * index].seen = observation(question.server, local, external, false);
}

// ---- TCP

net::task<result<void>> read_bytes(net::stream& from, std::span<std::uint8_t> into, net::time_limit limit) {
    while (!into.empty()) {
        const auto n = co_await from.read_some({reinterpret_cast<char*>(into.data()), into.size()}, limit);
        if (!n) co_return std::unexpected(n.error());
        if (*n == 0) co_return fail(errc::truncated, "the STUN server closed the connection");
        into = into.subspan(*n);
    }
    co_return result<void>{};
}

net::task<result<endpoint>> ask_over_tcp(net::stream& connection, net::time_limit limit) {
    const auto id = random_bytes<std::tuple_size_v<stun_transaction>>();
    const auto question = stun_question(id);
    const auto sent = co_await connection.write_all(text_of(question), limit);
    if (!sent) co_return std::unexpected(sent.error());
    datagram message(stun_header_bytes);
    auto got = co_await read_bytes(connection, message, limit);
    if (!got) co_return std::unexpected(got.error());
    const auto size = stun_message_size(message);
    if (!size) co_return std::unexpected(size.error());
    message.resize(*size);
    got = co_await read_bytes(connection, std::span(message).subspan(stun_header_bytes), limit);
    if (!got) co_return std::unexpected(got.error());
    co_return parse_stun_answer(message, id);
}

net::task<> attempt_over_tcp(shared_round round, std::size_t index, endpoint server) {
    const at_exit finish([&round] { round->finish_one(); });
    auto& attempt = round->attempts[2 * index + 1];
    const auto limit = net::time_limit{.total = round->until};
    auto connection = co_await net::connect(round->loop, server, {}, limit);
    if (!connection) {
        attempt.seen = std::unexpected(connection.error());
        co_return;
    }
    const auto external = co_await ask_over_tcp(*connection, limit);
    attempt.seen = observation(server, connection->local(), external, true);
}

// ---- Both

result<endpoint> first_ipv4(const stun_server& server, const result<std::vector<ip_address>>& addresses) {
    if (!addresses) return std::unexpected(addresses.error());
    const auto found = std::ranges::find_if(*addresses, &ip_address::is_v4);
    if (found == addresses->end()) return fail(errc::unresolved, fmt::format("{} has no IPv4 address", server.host));
    return endpoint{*found, server.port};
}

net::task<> ask_server(shared_round round, std::size_t index) {
    const auto& server = round->attempts[2 * index].server;
    const auto addresses = co_await net::resolve(round->loop, server.host, net::time_limit{.total = round->until});
    const auto at = first_ipv4(server, addresses);
    if (!at) {
        for (auto& attempt : std::span(round->attempts).subspan(2 * index, 2)) {
            attempt.seen = std::unexpected(at.error());
            round->finish_one();
        }
        co_return;
    }
    auto& question = *round->questions[index];
    question.server = *at;
    question.id = random_bytes<std::tuple_size_v<stun_transaction>>();
    round->loop.spawn("asking a STUN server over UDP", attempt_over_udp(round, index));
    round->loop.spawn("asking a STUN server over TCP", attempt_over_tcp(round, index, *at));
}

}  // namespace

result<stun_server> stun_server::parse(std::string_view text) {
    auto named = proto::named_server::parse(text);
    if (!named || named->host.contains(':'))
        return fail(errc::syntax, "invalid server; use HOST or HOST:PORT, for example stun.example.org:3478");
    return stun_server{std::move(named->host), named->port == 0 ? default_port : named->port};
}

std::string stun_server::text() const { return fmt::format("{}:{}", host, port); }

net::task<std::vector<stun_attempt>> ask_stun_servers(net::loop& loop, std::vector<stun_server> servers,
                                                      net::time_limit limit) {
    const auto until = limit.next(net::clock::now());
    const auto round = std::make_shared<stun_round>(loop, until, std::move(servers));
    for (std::size_t i = 0; i < round->questions.size(); ++i) loop.spawn("asking a STUN server", ask_server(round, i));
    // All end at the limit; the time after it is for one that could not start.
    while (round->running > 0 && net::clock::now() < until + limits::first_stun_retransmission) {
        receive_answers(*round);
        // A coroutine that ends interrupts the wait.
        co_await round->socket.readable(until + limits::first_stun_retransmission);
    }
    co_return round->attempts;
}

std::vector<stun_observation> answers_of(const std::vector<stun_attempt>& attempts) {
    std::vector<stun_observation> out;
    for (const auto& attempt : attempts) {
        if (attempt.seen) out.push_back(*attempt.seen);
    }
    return out;
}

}  // namespace sallyport::reach
