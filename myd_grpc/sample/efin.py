"""The efin section (전금-001 to 004, 101 to 103) and the telecom section (통신-001 to 004)."""

from __future__ import annotations

from myd_grpc.sample import catalogue
from myd_grpc.sample.bank import ENVELOPE
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import MINUTES, MONTHS, TWO_DIGITS, join, listing, text


def section(person: Person) -> str:
    """``{rsp_code, fob_cnt, fob_list[], account_cnt, account_list[]}``."""
    fobs = [_wallet(person) for _ in range(1 + person.few(1))]
    accounts = [_paid_account(person) for _ in range(1 + person.few(1))]
    return join(ENVELOPE, listing("fob", fobs), listing("account", accounts))


def _wallet(person: Person) -> str:
    """전금-001 fob_list → account_list, with the balance, charge_list and trans_list."""
    org, firm = person.org(catalogue.PAY_FIRMS)
    accounts = [f'{{"account_id":"acc{person.digits(8)}"}}' for _ in range(1 + person.few(2))]
    return join(
        org,
        f'"fob_id":"fob{person.digits(9)}","fob_name":{text(f"{firm} 머니")},"is_consent":true',
        f'"reg_date":"{person.day()}","limit_amt":2000000,"is_charge":true',
        '"is_withdrawable":true',
        person.optional(0.5, '"currency_code":"KRW"'),
        listing("account", accounts),
        f'"total_balance_amt":{person.won(10, 100000)}',
        person.optional(0.5, f'"charge_balance_amt":{person.won(10, 100000)}'),
        person.optional(0.5, f'"reserve_balance_amt":{person.won(10, 9000)}'),
        person.optional(0.2, '"exp_due_amt":120.000'),
        listing("charge", [_charge(person, n) for n in range(1, 1 + person.few(1))]),
        _wallet_rows(person),
    )


def _charge(person: Person, number: int) -> str:
    """전금-003 charge_list."""
    return join(
        f'"auto_charge_seq":"{number}"',
        person.optional(0.7, f'"charge_org_code":"{person.pick(catalogue.BANKS)[0]}"'),
        person.optional(0.7, f'"charge_account_num":"{person.account_num()}"'),
        f'"charge_option":"{person.pick(("01", "02"))}"',
        person.optional(0.4, '"charge_day":"25"'),
        person.optional(0.4, '"charge_base_amt":10000.000,"charge_amt":50000.000'),
    )


def _wallet_rows(person: Person) -> str:
    """전금-004 trans_list: product titles and one of the twelve order classes, both optional."""
    rnd = person.random
    merchants, titles, memos = person.pools.merchants, person.pools.titles, person.pools.memos
    rows = []
    for day in person.newest_first(person.rows(9, 1500)):
        time = MINUTES[int(rnd() * 3360)] + TWO_DIGITS[int(rnd() * 60)]
        amount = int(30 / (1.0 - 0.99 * rnd())) * 100
        order = f',"trans_num":"{day}{int(rnd() * 10**10):010d}"' if rnd() < 0.6 else ""
        balance = f',"balance_amt":{int(rnd() * 90000) * 10}.000' if rnd() < 0.7 else ""
        rows.append(
            f'{{"trans_dtime":"{day}{time}","trans_no":"T{int(rnd() * 10**9):09d}",'
            f'"trans_type":"{"5101" if rnd() < 0.8 else "5201"}","trans_amt":{amount}.000{balance}'
            f"{order}{memos[int(rnd() * 1024)]}{merchants[int(rnd() * 2048)]}"
            f'{titles[int(rnd() * 4096)]},"is_scheduled":false}}'
        )
    return listing("trans", rows)


def _paid_account(person: Person) -> str:
    """전금-101 account_list → 102 pay_list and 103 trans_list."""
    methods = [_pay_method(person, n) for n in range(1 + person.few(2))]
    return join(
        person.org(catalogue.PAY_FIRMS)[0],
        f'"sub_key":"sub{person.digits(6)}","account_id":"acc{person.digits(8)}"',
        f'"is_consent":true,"reg_date":"{person.day()}","is_pay":true',
        listing("pay", methods),
        _payments(person),
    )


def _pay_method(person: Person, number: int) -> str:
    """전금-102 pay_list."""
    return join(
        person.optional(0.7, f'"pay_org_code":"{person.pick(catalogue.CARD_FIRMS)[0]}"'),
        person.optional(0.8, f'"pay_type":"{person.pick(("01", "02"))}"'),
        f'"pay_id":"pay{person.digits(7)}"',
        person.optional(0.9, f'"is_primary":{"true" if number == 0 else "false"}'),
    )


def _payments(person: Person) -> str:
    """전금-103 trans_list, the row with the most text (about 370 bytes)."""
    rnd = person.random
    merchants, titles = person.pools.merchants, person.pools.titles
    rows = []
    for day in person.newest_first(person.rows(7, 1500)):
        time = MINUTES[int(rnd() * 3360)] + TWO_DIGITS[int(rnd() * 60)]
        amount = int(50 / (1.0 - 0.99 * rnd())) * 100
        currency = ',"currency_code":"KRW"' if rnd() < 0.5 else ""
        card = ""
        if rnd() < 0.6:
            card = (
                f',"pay_type":"01","approved_num":"{int(rnd() * 10**8):08d}"'
                f',"card_name":{text(person.pick(catalogue.CARD_PRODUCTS))}'
            )
        install = f',"total_install_cnt":{2 + int(rnd() * 11)}' if rnd() < 0.05 else ""
        rows.append(
            f'{{"trans_dtime":"{day}{time}","trans_no":"P{int(rnd() * 10**9):09d}",'
            f'"trans_num":"{day}{int(rnd() * 10**10):010d}","trans_type":"5101"{currency},'
            f'"trans_amt":{amount}.000{card}{install}{merchants[int(rnd() * 2048)]}'
            f"{titles[int(rnd() * 4096)]}}}"
        )
    return listing("trans", rows)


def telecom(person: Person) -> str:
    """``{rsp_code, telecom_cnt, telecom_list[]}``."""
    lines = [_line(person) for _ in range(1 + person.few(1))]
    return join(ENVELOPE, listing("telecom", lines))


def _line(person: Person) -> str:
    """통신-001 telecom_list with 002 charge_list and the two trans_lists of 003 and 004."""
    months = MONTHS[-min(24, person.most) :]
    return join(
        person.org(catalogue.TELECOMS)[0],
        f'"mgmt_id":"{person.digits(10)}","is_consent":true,"telecom_num":"0100000{person.digits(4)}"',
        f'"type":"{person.pick(("01", "02", "03"))}","status":"{person.pick(("01", "01", "02"))}"',
        listing("charge", [_bill(person, month) for month in months]),
        f'"transactions":{{{listing("trans", [_paid(person, month) for month in months])}}}',
        f'"paid_transactions":{{{_small_payments(person)}}}' if person.happens(0.5) else "",
    )


def _bill(person: Person, month: str) -> str:
    """통신-002 charge_list; charge_month is text or, in old rows, a number."""
    return join(
        f'"charge_month":{month}' if person.happens(0.1) else f'"charge_month":"{month}"',
        f'"charge_amt":{person.skewed(1100, 15000) * 10},"charge_date":"{month}21"',
    )


def _paid(person: Person, month: str) -> str:
    """통신-003 trans_list."""
    return join(
        f'"trans_month":"{month}","paid_amt":{person.skewed(1100, 15000) * 10}',
        f'"pay_method":"{person.pick(("01", "02"))}"',
    )


def _small_payments(person: Person) -> str:
    """통신-004 trans_list; trans_amt comes as number and as text ("1500")."""
    rows = []
    for day in person.newest_first(person.rows(2, 200)):
        amount = str(person.skewed(5, 500) * 100)
        rows.append(
            join(
                f'"trans_date":"{day}"',
                f'"trans_amt":{person.pick((amount, _quoted(amount)))}',
                person.optional(0.4, f'"org_regno":"000-00-{person.digits(5)}"'),
                person.pick(person.pools.merchants)[1:],
                person.optional(0.5, f'"trans_title":{person.pick(person.pools.products).name}'),
            )
        )
    return listing("trans", rows)


def _quoted(number: str) -> str:
    return f'"{number}"'
