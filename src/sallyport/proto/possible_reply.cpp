#include <sallyport/proto/possible_reply.hpp>

#include <algorithm>
#include <array>
#include <span>

#include <sallyport/proto/hash_commands.hpp>

namespace sallyport::proto {

namespace {

struct owned_code {
    int code;
    // Unused elements are verb::unknown.
    std::array<verb, 10> by;
};

constexpr verb none = verb::unknown;

constexpr owned_code owned(int code, std::initializer_list<verb> by) {
    owned_code out{code, {none, none, none, none, none, none, none, none, none, none}};
    std::size_t n = 0;
    for (const verb v : by) out.by.at(n++) = v;
    return out;
}

/// Codes from 200 to 399 that belong to few commands. Transfers are not included; ends_transfer() has their codes.
constexpr auto owners = std::to_array<owned_code>({
    owned(211, {verb::feat, verb::stat, verb::help, verb::site}),
    owned(212, {verb::stat, verb::mlst}),
    owned(213, {verb::size, verb::mdtm, verb::stat, verb::mfmt, verb::mff, verb::mlst, verb::avbl}),
    owned(214, {verb::help, verb::site}),
    owned(215, {verb::syst}),
    owned(220, {verb::rein, verb::host}),
    owned(221, {verb::quit}),
    owned(225, {verb::abor}),
    owned(226, {verb::abor}),
    owned(227, {verb::pasv}),
    owned(228, {}),
    owned(229, {verb::epsv}),
    owned(230, {verb::user, verb::pass, verb::acct}),
    owned(232, {verb::user, verb::pass, verb::acct}),
    owned(234, {verb::auth}),
    owned(250, {verb::cwd, verb::cdup, verb::smnt, verb::dele, verb::rmd, verb::mkd, verb::rnto, verb::mlst, verb::site,
                verb::opts}),
    owned(257, {verb::pwd, verb::mkd}),
    owned(331, {verb::user}),
    owned(332, {verb::user, verb::pass}),
    owned(334, {verb::auth}),
    owned(335, {verb::auth}),
    owned(336, {verb::user}),
    owned(350, {verb::rest, verb::rang, verb::rnfr}),
});

/// Codes for the failure of a running transfer, which do not refuse a command before it starts.
bool ends_transfer_badly(int code) noexcept {
    return code == 425 || code == 426 || (code >= 450 && code <= 459) || code == 521 || code == 522 ||
           (code >= 550 && code <= 559);
}

reply_fit fit_of_greeting(int code) noexcept {
    return code == 120 || code == 220 || code >= 400 ? reply_fit::usual : reply_fit::impossible;
}

reply_fit fit_of_transfer(int code, bool started) noexcept {
    if (code < 200 || code == 226 || code == 250) return reply_fit::usual;
    if (code >= 400) return !started || ends_transfer_badly(code) ? reply_fit::usual : reply_fit::possible;
    // Some servers end a transfer with another 2xx, but always after a 1xx.
    const bool is_owned = code != 225 && std::ranges::find(owners, code, &owned_code::code) != owners.end();
    return started && code < 300 && !is_owned ? reply_fit::possible : reply_fit::impossible;
}

}  // namespace

bool is_transfer(verb id) noexcept {
    const auto use = data_use_of(id);
    return use == data_use::download || use == data_use::upload || use == data_use::listing;
}

reply_fit fit_of(std::optional<verb> id, int code, bool started) noexcept {
    if (!id) return fit_of_greeting(code);
    if (is_transfer(*id)) return fit_of_transfer(code, started);
    if (code < 200) return reply_fit::impossible;
    if (code >= 400) return reply_fit::usual;
    // These codes belong to the NOOP after it.
    if (*id == verb::abor && code < 210) return reply_fit::impossible;
    // A reply without a usable port refuses the method (client_machine); servers are known to send these two codes.
    if (*id == verb::epsv && (code == 227 || code == 350)) return reply_fit::possible;
    const auto* const found = std::ranges::find(owners, code, &owned_code::code);
    // Servers differ in these, and in commands that are not in the table.
    const bool has_no_document = *id == verb::unknown || requests_hash(*id);
    if (has_no_document && (code == 213 || code == 250)) return reply_fit::usual;
    if (found == owners.end()) return *id == verb::auth ? reply_fit::impossible : reply_fit::usual;
    return std::ranges::find(found->by, *id) != found->by.end() ? reply_fit::usual : reply_fit::impossible;
}

}  // namespace sallyport::proto
