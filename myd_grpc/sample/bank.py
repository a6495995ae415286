"""The bank section: 은행-001 to 은행-014 and IRP, each account with what belongs to it."""

from __future__ import annotations

from typing import Final

from myd_grpc.sample import catalogue
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import DAYS, MINUTES, MONTHS, RATES, TWO_DIGITS, join, listing, text

ENVELOPE: Final = '"rsp_code":"00000","rsp_msg":"정상"'


def section(person: Person) -> str:
    """``{rsp_code, rsp_msg, reg_date, account_cnt, account_list[], irp_cnt?, irp_list[]?}``."""
    accounts = [_deposit_account(person) for _ in range(1 + person.few(3))]
    accounts += [_fund_account(person) for _ in range(person.few(1))]
    accounts += [_loan_account(person) for _ in range(person.few(2))]
    irps = [irp(person, catalogue.BANKS) for _ in range(person.few(4) // 4)]
    return join(
        ENVELOPE,
        f'"search_timestamp":"20230531{person.time()}"',
        f'"reg_date":"{person.day()}"',
        listing("account", accounts),
        listing("irp", irps) if irps else "",
    )


def _head(person: Person, kinds: tuple[tuple[str, str], ...], consent: bool) -> str:
    """은행-001 account_list, with the org_code and account_num that the details hang on."""
    org, bank = person.org(catalogue.BANKS)
    kind, name = person.pick(kinds)
    members = (
        org,
        f'"account_num":"{person.account_num()}"',
        f'"is_consent":{"true" if consent else "false"}',
        person.seqno(),
        person.optional(0.3, '"is_foreign_deposit":false') if kind[0] == "1" else "",
        f'"prod_name":{text(f"{bank} {name}")}',
        f'"is_minus":{"true" if kind == "3150" else "false"}' if kind[0] != "2" else "",
        f'"account_type":"{kind}"',
        f'"account_status":"{person.pick(("01", "01", "01", "02", "03"))}"',
    )
    return ",".join(filter(None, members))


def _deposit_account(person: Person) -> str:
    consent = person.happens(0.95)
    head = _head(person, catalogue.DEPOSITS, consent)
    if not consent:  # no detail data without consent
        return join(head)
    foreign = person.optional(0.05, _basic(person, "USD"))
    return join(
        head,
        f'"basic_list":[{",".join(filter(None, (_basic(person, "KRW"), foreign)))}]',
        f'"detail_list":[{_detail(person)}]',
        _deposit_transactions(person),
        listing("isa", [_isa(person) for _ in range(1 + person.few(2))])
        if person.happens(0.06)
        else "",
        listing("scheduled", [_scheduled(person) for _ in range(1 + person.few(1))])
        if person.happens(0.25)
        else "",
    )


def _basic(person: Person, currency: str) -> str:
    """은행-002 basic_list."""
    return join(
        person.optional(0.8, f'"currency_code":"{currency}"'),
        f'"saving_method":"{person.pick(("00", "01", "02"))}"',
        f'"issue_date":"{person.day()}"',
        person.optional(0.4, f'"exp_date":"{person.pick(("99991231", "20251130", "20240630"))}"'),
        person.optional(0.3, f'"commit_amt":{person.won(10000, 5000000)}'),
        person.optional(0.2, f'"monthly_paid_in_amt":{person.won(1000, 100000)}'),
    )


def _detail(person: Person) -> str:
    """은행-003 detail_list."""
    balance = person.won(100, 9000000)
    return join(
        person.optional(0.8, '"currency_code":"KRW"'),
        f'"balance_amt":{balance},"withdrawable_amt":{balance}',
        f'"offered_rate":{person.pick(RATES)}',
        person.optional(0.2, f'"last_paid_in_cnt":{person.between(1, 60)}'),
    )


def _deposit_transactions(person: Person) -> str:
    """은행-004 trans_list; trans_dtime has 14 digits, or 8 where the bank keeps no time."""
    rnd = person.random
    kinds, memos = person.pools.bank_kinds, person.pools.memos
    days = person.newest_first(person.rows(16, 3500))
    balance = person.skewed(1000, 900000) * 10
    numbered, dated = person.happens(0.6), person.happens(0.06)
    rows = []
    for number, day in enumerate(days, 1):
        kind, income = kinds[int(rnd() * len(kinds))]
        amount = int(80 / (1.0 - 0.995 * rnd())) * 10
        time = "" if dated else MINUTES[int(rnd() * 3360)] + TWO_DIGITS[int(rnd() * 60)]
        no = f',"trans_no":"{number:06d}"' if numbered else ""
        currency = ',"currency_code":"KRW"' if rnd() < 0.7 else ""
        paid = f',"paid_in_cnt":{number}' if rnd() < 0.04 else ""
        rows.append(
            f'{{"trans_dtime":"{day}{time}"{no},{kind}{currency},"trans_amt":{amount}.000,'
            f'"balance_amt":{balance}.000{paid}{memos[int(rnd() * 1024)]}}}'
        )
        # The list goes back in time: undo the movement to get the balance before it.
        balance = max(balance - amount, 0) if income else balance + amount
    return listing("trans", rows)


def _fund_account(person: Person) -> str:
    """은행-005 to 007, under ``invest`` because the account has one of each."""
    invested = person.amount(100000, 90000000)
    basic = join(
        f'"standard_fund_code":"KR{person.digits(10)}"',
        f'"paid_in_type":"{person.pick(("01", "02"))}"',
        f'"issue_date":"{person.day()}"',
        person.optional(0.3, '"exp_date":"99991231"'),
        f'"balance_amt":{invested},"eval_amt":{person.amount(100000, 90000000)}',
        f'"inv_principal":{invested}',
        person.optional(0.7, f'"fund_num":{person.amount(1000, 9000000)}'),
        listing("trans", [_fund_row(person, d) for d in person.newest_first(person.rows(4, 120))]),
    )
    return join(_head(person, catalogue.FUNDS, True), f'"invest":{basic}')


def _fund_row(person: Person, day: str) -> str:
    """은행-007 trans_list."""
    return join(
        f'"trans_dtime":"{day}{person.time()}"',
        person.optional(0.5, f'"trans_no":"{person.digits(8)}"'),
        f'"trans_type":"{person.pick(("02", "03"))}"',
        person.optional(0.5, '"currency_code":"KRW"'),
        person.optional(0.8, f'"base_amt":{person.between(700, 1900)}.{person.digits(4)}'),
        person.optional(0.8, f'"trans_fund_num":{person.amount(100, 900000)}'),
        f'"trans_amt":{person.won(1000, 90000)}',
        f'"balance_amt":{person.won(10000, 900000)}',
    )


def _loan_account(person: Person) -> str:
    """은행-008 to 010 under ``loan``; its trans_list rows hold an int_list each."""
    principal = person.won(50000, 30000000)
    rows = [loan_row(person, d) for d in person.newest_first(person.rows(6, 60))]
    details = join(
        f'"issue_date":"{person.day()}","exp_date":"{person.pick(("20281130", "20451231"))}"',
        f'"last_offered_rate":{person.pick(RATES)}',
        person.optional(0.7, f'"repay_date":"{person.between(1, 28):02d}"'),
        f'"repay_method":"{person.pick(("01", "02", "03", "99"))}"',
        person.optional(0.5, f'"repay_org_code":"{person.pick(catalogue.BANKS)[0]}"'),
        person.optional(0.5, f'"repay_account_num":"{person.account_num()}"'),
        person.optional(0.1, '"unredeemed_start":"202001","unredeemed_end":"202212"'),
        person.optional(0.5, '"currency_code":"KRW"'),
        f'"balance_amt":{principal},"loan_principal":{principal}',
        person.optional(0.6, '"next_repay_date":"20230626"'),
        listing("trans", rows),
    )
    return join(_head(person, catalogue.LOANS, True), f'"loan":{details}')


def loan_row(person: Person, day: str) -> str:
    """은행-010 trans_list with int_list[] (a list in a list)."""
    interest = [_interest(person) for _ in range(person.pick((0, 1, 1, 1, 2, 3)))]
    return join(
        f'"trans_dtime":"{day}{person.time()}"',
        person.optional(0.5, f'"trans_no":"{person.digits(6)}"'),
        f'"trans_type":"{person.pick(("01", "02", "03"))}"',
        person.optional(0.5, '"currency_code":"KRW"'),
        f'"trans_amt":{person.won(1000, 300000)},"balance_amt":{person.won(50000, 9000000)}',
        f'"principal_amt":{person.won(1000, 200000)},"int_amt":{person.amount(1000, 900000)}',
        person.optional(0.1, f'"ret_int_amt":{person.won(100, 9000)}'),
        listing("int", interest),
    )


def _interest(person: Person) -> str:
    """은행-010 int_list."""
    start = person.below(len(DAYS) - 31)
    return join(
        f'"int_start_date":"{DAYS[start]}","int_end_date":"{DAYS[start + 30]}"',
        f'"int_rate":{person.pick(RATES)}',
        f'"applied_int_amt":{person.amount(1000, 900000)}',
        f'"int_type":"{person.pick(("01", "02", "99"))}"',
    )


def _isa(person: Person) -> str:
    """은행-013 isa_list."""
    return join(
        f'"prod_name":{text(person.pick(catalogue.FUNDS)[1])}',
        person.optional(0.5, f'"prod_num":"{person.digits(10)}"'),
        f'"prod_type":"{person.pick(("101", "202", "303"))}"',
        person.optional(0.5, '"currency_code":"KRW"'),
        f'"eval_amt":{person.amount(10000, 9000000)},"principal_amt":{person.won(1000, 900000)}',
        person.optional(0.4, f'"holding_num":{person.between(1, 900)}'),
        person.optional(0.4, f'"issue_date":"{person.day()}"'),
        person.optional(0.3, f'"int_rate":{person.pick(RATES)}'),
    )


def _scheduled(person: Person) -> str:
    """은행-014 scheduled_list (auto-transfer)."""
    return join(
        f'"scheduled_org_code":"{person.pick(catalogue.BANKS)[0]}"',
        f'"scheduled_account_num":"{person.account_num()}"',
        f'"scheduled_amt":{person.won(1000, 100000)},"scheduled_cycle":"1/m"',
        person.optional(0.6, f'"scheduled_date":"{person.between(1, 28):02d}"'),
        person.optional(0.5, f'"trans_memo":{text(person.pick(catalogue.MEMOS))}'),
    )


def irp(person: Person, firms: tuple[tuple[str, str], ...]) -> str:
    """IRP-001 irp_list; its products are another irp_list, as in IRP-003."""
    org, firm = person.org(firms)
    products = [_irp_product(person) for _ in range(1 + person.few(2))]
    return join(
        org,
        f'"prod_name":{text(f"{firm} 개인형IRP")},"account_num":"{person.account_num()}"',
        f'"is_consent":true,"accum_amt":{person.won(10000, 900000)}',
        f'"eval_amt":{person.amount(100000, 9000000)}',
        person.optional(0.5, f'"employer_amt":{person.won(10000, 900000)}'),
        f'"employee_amt":{person.won(10000, 900000)},"issue_date":"{person.day()}"',
        person.optional(0.5, f'"first_deposit_date":"{person.day()}"'),
        listing("irp", products),
        listing("trans", [_irp_row(person, d) for d in person.newest_first(person.rows(3, 60))]),
    )


def _irp_product(person: Person) -> str:
    """IRP-003 irp_list: irp_type 01 보장, 02 비보장, 03 기타."""
    return join(
        f'"irp_name":{text(person.pick(catalogue.FUNDS)[1])}',
        person.optional(0.5, f'"irp_no":"{person.digits(6)}"'),
        f'"irp_type":"{person.pick(("01", "02", "03"))}"',
        f'"eval_amt":{person.amount(10000, 900000)},"inv_principal":{person.won(1000, 90000)}',
        person.optional(0.4, f'"fund_num":{person.amount(1000, 90000)}'),
        person.optional(0.3, f'"open_date":"{person.pick(MONTHS)}01"'),
        person.optional(0.3, f'"int_rate":{person.pick(RATES)}'),
    )


def _irp_row(person: Person, day: str) -> str:
    """IRP-004 trans_list: trans_type 01 입금, 02 지급."""
    return join(
        f'"trans_dtime":"{day}"',
        person.optional(0.5, f'"trans_no":"{person.digits(6)}"'),
        f'"trans_type":"{person.pick(("01", "01", "02"))}"',
        f'"trans_amt":{person.won(1000, 100000)}',
    )
