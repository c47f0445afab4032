#include <sallyport/client/cause.hpp>

#include <array>
#include <cstddef>

namespace sallyport::client {

namespace {

using step = proto::client_step;

// In the order of the enum: row_of() indexes it.
constexpr auto rows = std::to_array<cause_row>({
    {cause::host_not_found, side::user, step::resolve, remedy::check_address},
    {cause::no_address_of_family, side::user, step::resolve, remedy::check_address},
    {cause::connection_refused, side::server, step::connect, remedy::check_address},
    {cause::no_response, side::network, step::connect, remedy::check_address},
    {cause::unreachable, side::local, step::connect, remedy::check_network},
    {cause::proxy_failed, side::user, step::connect, remedy::check_proxy},
    {cause::no_greeting, side::user, step::greeting, remedy::use_implicit_tls},
    {cause::closed_before_greeting, side::server, step::greeting, remedy::ask_administrator},
    {cause::service_refused, side::server, step::greeting, remedy::ask_administrator},
    {cause::not_an_ftp_server, side::user, step::greeting, remedy::check_address},
    {cause::certificate_untrusted, side::server, step::tls, remedy::trust_certificate},
    {cause::certificate_of_other_name, side::server, step::tls, remedy::check_address},
    {cause::key_unknown, side::user, step::tls, remedy::compare_key},
    {cause::key_changed, side::server, step::tls, remedy::compare_key},
    {cause::tls_missing, side::server, step::tls, remedy::accept_plain_session},
    {cause::tls_tampered, side::network, step::tls, remedy::use_implicit_tls},
    {cause::wrong_tls_mode, side::user, step::tls, remedy::use_explicit_tls},
    {cause::tls_failed, side::server, step::tls, remedy::inspect_transcript},
    {cause::data_protection_refused, side::server, step::tls, remedy::accept_plain_data},
    {cause::data_protection_required, side::user, step::tls, remedy::protect_data},
    {cause::tls_required, side::user, step::login, remedy::use_explicit_tls},
    {cause::data_tls_required, side::user, step::request, remedy::protect_data},
    {cause::server_busy, side::server, step::login, remedy::try_later},
    {cause::account_required, side::user, step::login, remedy::specify_account},
    {cause::anonymous_refused, side::user, step::login, remedy::specify_user},
    {cause::credentials_refused, side::user, step::login, remedy::check_credentials},
    {cause::login_failed, side::server, step::login, remedy::inspect_transcript},
    {cause::path_refused, side::user, step::request, remedy::list_directory},
    {cause::directory_refused, side::user, step::request, remedy::check_path},
    {cause::user_not_permitted, side::user, step::request, remedy::use_other_user},
    {cause::no_space_on_server, side::server, step::request, remedy::free_space_on_server},
    {cause::server_error, side::server, step::request, remedy::try_later},
    {cause::resume_unsupported, side::server, step::request, remedy::start_over},
    {cause::invalid_name, side::user, step::request, remedy::use_other_name},
    {cause::connection_lost, side::network, step::request, remedy::try_again},
    {cause::reply_timeout, side::server, step::request, remedy::try_later},
    {cause::stray_reply, side::server, step::request, remedy::try_again},
    {cause::request_failed, side::server, step::request, remedy::inspect_transcript},
    {cause::command_blocked, side::network, step::data, remedy::use_other_method},
    {cause::passive_port_timeout, side::network, step::data, remedy::open_passive_ports},
    {cause::passive_port_refused, side::network, step::data, remedy::forward_passive_ports},
    {cause::private_address_advertised, side::server, step::data, remedy::configure_server_address},
    {cause::private_active_address, side::local, step::data, remedy::set_active_address},
    {cause::active_connection_timeout, side::network, step::data, remedy::allow_active_connection},
    {cause::passive_mode_failed, side::network, step::data, remedy::use_active_mode},
    {cause::active_mode_failed, side::network, step::data, remedy::use_passive_mode},
    {cause::data_methods_refused, side::server, step::data, remedy::inspect_transcript},
    {cause::proxy_blocks_data, side::network, step::data, remedy::check_proxy},
    {cause::data_certificate_mismatch, side::network, step::transfer, remedy::inspect_transcript},
    {cause::download_interrupted, side::network, step::transfer, remedy::resume},
    {cause::upload_interrupted, side::network, step::transfer, remedy::resume},
    {cause::transfer_failed, side::server, step::transfer, remedy::try_again},
    {cause::file_not_resumable, side::local, step::local_file, remedy::start_over},
    {cause::file_changed, side::local, step::local_file, remedy::try_again},
    {cause::file_in_use, side::local, step::local_file, remedy::none},
    {cause::file_failed, side::local, step::local_file, remedy::check_local_file},
    {cause::unknown_listing_format, side::server, step::listing, remedy::inspect_transcript},
});
static_assert(rows.size() == static_cast<std::size_t>(cause::unknown_listing_format) + 1);
static_assert([] {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (static_cast<std::size_t>(rows[i].id) != i) return false;
    return true;
}());

}  // namespace

const cause_row& row_of(cause c) noexcept { return rows[static_cast<std::size_t>(c)]; }

}  // namespace sallyport::client
