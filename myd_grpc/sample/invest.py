"""The invest section: 금투-001 to 금투-006."""

from __future__ import annotations

from myd_grpc.sample import catalogue
from myd_grpc.sample.bank import ENVELOPE, irp
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import join, listing, text


def section(person: Person) -> str:
    """``{rsp_code, account_cnt, account_list[], irp_cnt?, irp_list[]?}``."""
    accounts = [_account(person) for _ in range(1 + person.few(2))]
    irps = [irp(person, catalogue.BROKERS) for _ in range(person.few(4) // 4)]
    return join(ENVELOPE, listing("account", accounts), listing("irp", irps) if irps else "")


def _account(person: Person) -> str:
    """금투-001 account_list; is_tax_benefits is sometimes the text "true"."""
    org, firm = person.org(catalogue.BROKERS)
    rows = [_row(person, day) for day in person.newest_first(person.rows(5, 1500))]
    return join(
        org,
        f'"account_num":"{person.account_num()}","is_consent":true',
        f'"account_name":{text(f"{firm} 종합위탁계좌")}',
        f'"account_type":"{person.pick(("101", "102", "201"))}","issue_date":"{person.day()}"',
        f'"is_tax_benefits":{person.pick(("true", "false", "false", _TRUE_TEXT))}',
        f'"is_cma":{person.pick(("true", "false"))},"is_stock_trans":true',
        f'"is_account_link":{person.pick(("true", "false"))}',
        f'"basic_list":[{_basic(person)}]',
        listing("trans", rows),
        f'"base_date":"20230531",{listing("prod", _products(person))}',
        f'"pension":{_pension(person)}' if person.happens(0.15) else "",
    )


_TRUE_TEXT = '"true"'


def _basic(person: Person) -> str:
    """금투-002 basic_list; withholdings_amt comes as number and as text."""
    withheld = person.won(10, 900000)
    return join(
        '"currency_code":"KRW"',
        f'"withholdings_amt":{person.pick((withheld, withheld, _quoted(withheld)))}',
        f'"credit_loan_amt":{person.pick(("0", "0.000", "15", "10000.1"))}',
        f'"mortgage_amt":{person.pick(("0", "0.000", "999999999999999.999"))}',
        f'"avail_balance":{withheld}',
    )


def _quoted(number: str) -> str:
    return f'"{number}"'


def _row(person: Person, day: str) -> str:
    """금투-003 trans_list: base_amt is F(17,4), the other amounts F(18,3)."""
    code, name = person.pick(catalogue.STOCKS)
    kind, detail = person.pick(catalogue.INVEST_KINDS)
    product = trade = ""
    if kind in ("301", "302"):
        count, price = person.between(1, 300), person.skewed(1200, 900000)
        product = f'"prod_name":{text(name)},"prod_code":"{code}"'
        trade = f'"trans_num":{count},"trans_unit":"주","base_amt":{price}.{person.digits(4)}'
    amount = person.amount(1000, 50000000)
    return join(
        f'"trans_dtime":"{day}{person.time()}"',
        product,
        person.optional(0.7, f'"trans_no":"{person.digits(7)}"'),
        f'"trans_type":"{kind}","trans_type_detail":"{detail}"',
        trade,
        person.optional(0.9, f'"trans_amt":{amount}'),
        person.optional(0.7, f'"settle_amt":{amount}'),
        person.optional(0.7, f'"balance_amt":{person.won(100, 9000000)}'),
        person.optional(0.6, '"currency_code":"KRW"'),
        person.pick(person.pools.memos)[1:],
        person.optional(0.2, '"ex_code":"KRX"'),
    )


def _products(person: Person) -> list[str]:
    """금투-004 prod_list."""
    rows = []
    for _ in range(person.few(6)):
        code, name = person.pick(catalogue.STOCKS)
        rows.append(
            join(
                '"prod_type":"401","prod_type_detail":"상장주식"',
                f'"prod_code":"{code}"',
                person.optional(0.3, '"ex_code":"KRX"'),
                f'"prod_name":{text(name)}',
                person.optional(0.1, '"pos_type":"01"'),
                person.optional(0.1, '"credit_type":"00"'),
                '"is_tax_benefits":false',
                person.optional(0.8, f'"purchase_amt":{person.amount(10000, 90000000)}'),
                person.optional(0.9, f'"holding_num":{person.between(1, 500)},"trans_unit":"주"'),
                person.optional(0.9, f'"eval_amt":{person.amount(10000, 90000000)}'),
                '"is_execution":true',
                person.optional(0.5, f'"currency_code":"{"KRW" if code[0] != "Z" else "USD"}"'),
            )
        )
    return rows


def _pension(person: Person) -> str:
    """금투-005."""
    paid = person.won(10000, 900000)
    return join(
        f'"issue_date":"{person.day()}","paid_in_amt":{paid},"withdrawal_amt":0.000',
        person.optional(0.7, f'"last_paid_in_date":"{person.day()}"'),
        f'"rcv_amt":{person.won(10, 9000)}',
        person.optional(0.4, '"pension_rcv_start_date":"20450101"'),
        f'"annual_pay_amount":{person.won(1000, 40000)}',
    )
