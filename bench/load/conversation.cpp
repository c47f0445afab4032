#include <load/conversation.hpp>

#include <array>

#include <sallyport/base/escape.hpp>

namespace sallyport::load {
namespace {

std::unexpected<error> refused(std::string_view command_sent, const reply& answer) {
    return fail(errc::rejected, std::string(command_sent) + ": the server said '" + escape(answer.last_line) + "'");
}

}  // namespace

conversation::conversation(reactor& loop, const options& wanted, SSL_CTX* tls, unsigned index)
    : loop_(loop), options_(wanted), tls_(tls), index_(index), control_(loop) {}

task<result<reply>> conversation::next_reply(std::string_view command_sent) {
    while (true) {
        if (auto ready = replies_.next()) co_return *ready;
        std::array<char, 2048> input;
        auto got = co_await control_.read(input);
        if (!got) co_return fail(got.error().code, std::string(command_sent) + ": " + got.error().text());
        if (*got == 0) co_return fail(errc::closed, std::string(command_sent) + ": the server closed the connection");
        replies_.add({input.data(), *got});
    }
}

task<result<reply>> conversation::request(std::string line) {
    const auto shown = line.size();
    line += "\r\n";
    auto sent = co_await control_.write(line);
    if (!sent) co_return std::unexpected(sent.error());
    auto answer = co_await next_reply(std::string_view(line).substr(0, shown));
    co_return answer;
}

task<result<void>> conversation::completion(std::string line) {
    auto done = co_await next_reply(line);
    if (!done) co_return std::unexpected(done.error());
    if (!done->completed()) co_return refused(line, *done);
    co_return result<void>{};
}

task<result<void>> conversation::command(std::string line) {
    auto answer = co_await request(line);
    if (!answer) co_return std::unexpected(answer.error());
    if (!answer->completed()) co_return refused(line, *answer);
    co_return result<void>{};
}

task<result<void>> conversation::open() {
    replies_ = {};
    auto connected = control_.connect(options_.address(options_.port), options_.source(index_));
    if (!connected) co_return connected;
    auto greeting = co_await next_reply("greeting");
    if (!greeting) co_return std::unexpected(greeting.error());
    if (!greeting->completed()) co_return refused("greeting", *greeting);
    if (options_.tls) {
        auto agreed = co_await command("AUTH TLS");
        if (!agreed) co_return agreed;
        auto started = co_await control_.start_tls(tls_, nullptr);
        if (!started) co_return started;
    }
    auto in = co_await log_in();
    co_return in;
}

task<result<void>> conversation::log_in() {
    auto user = co_await request("USER " + options_.user);
    if (!user) co_return std::unexpected(user.error());
    if (user->code == 331) {
        auto password = co_await command("PASS " + options_.password);
        if (!password) co_return password;
    } else if (!user->completed()) {
        co_return refused("USER", *user);
    }
    auto typed = co_await command("TYPE I");
    if (!typed || !options_.tls) co_return typed;
    auto sized = co_await command("PBSZ 0");
    if (!sized) co_return sized;
    auto protect = co_await command("PROT P");
    co_return protect;
}

task<result<void>> conversation::open_data(channel& data, std::string line) {
    auto passive = co_await request("PASV");
    if (!passive) co_return std::unexpected(passive.error());
    const auto target = passive->code == 227 ? parse_passive(passive->last_line) : std::nullopt;
    if (!target) co_return refused("PASV", *passive);
    sockaddr_in to = options_.address(target->port);
    to.sin_addr.s_addr = htonl(target->address);  // a gateway may use direct data connections
    auto connected = data.connect(to, options_.source(index_));
    if (!connected) co_return connected;
    auto answer = co_await request(line);
    if (!answer) co_return std::unexpected(answer.error());
    if (!answer->preliminary()) co_return refused(line, *answer);
    if (!options_.tls) co_return result<void>{};
    const auto session = control_.session();
    auto started = co_await data.start_tls(tls_, session.get());
    co_return started;
}

task<result<std::uint64_t>> conversation::receive(std::string line) {
    channel data(loop_);
    auto opened = co_await open_data(data, line);
    if (!opened) co_return std::unexpected(opened.error());
    const auto before = received_.bytes();
    auto drained = co_await data.drain(received_);
    if (!drained) co_return std::unexpected(drained.error());
    data.close();
    auto done = co_await completion(line);
    if (!done) co_return std::unexpected(done.error());
    co_return received_.bytes() - before;
}

task<result<void>> conversation::expect(std::string line, std::string_view content) {
    channel data(loop_);
    auto opened = co_await open_data(data, line);
    if (!opened) co_return opened;
    auto same = co_await data.expect(content);
    if (!same) co_return same;
    data.close();
    auto done = co_await completion(line);
    co_return done;
}

task<result<void>> conversation::store(std::string line, std::uint64_t size) {
    channel data(loop_);
    auto opened = co_await open_data(data, line);
    if (!opened) co_return opened;
    auto filled = co_await data.fill(size);
    if (!filled) co_return filled;
    auto finished = co_await data.finish();
    if (!finished) co_return finished;
    data.close();
    auto done = co_await completion(line);
    co_return done;
}

task<result<void>> conversation::quit() {
    auto answer = co_await request("QUIT");
    if (!answer) co_return std::unexpected(answer.error());
    control_.close();
    co_return result<void>{};
}

}  // namespace sallyport::load
