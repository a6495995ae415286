"""The fields of the dictionary that the profile MYDATA_KR leaves alone, by what they are.

Names as the dictionary has them, the last ones of their paths. `gender` and dates of birth do not
lead to a person by themselves; see docs/masking.md on what they do together.
"""

from __future__ import annotations

LEFT_ALONE = {
    "amount": """
        accum_amt agreed_pay_amt amount annual_fee annual_pay_amount applied_int_amt approved_amt
        avail_balance balance_amt base_amt bond_principal charge_amt charge_balance_amt
        charge_base_amt charge_point combined_unit_price commit_amt contract_face_amt coverage_amt
        credit_fee_amt credit_loan_amt discount_amount discounted_unit_price easy_bank easy_card
        employee_amt employer_amt etc_amt eval_amt exp_due_amt expiring_point_amt face_amt
        fund_num gift_card holding_num hprice int_amt inv_principal krw_amt lending_amt limit_amt
        loan_amt loan_long_amt loan_principal loan_short_amt lprice lump_sum_amt min_pay_amt
        modified_amt monthly_amt monthly_paid_in_amt mortgage_amt order_amount order_quantity
        paid_amt paid_in_amt pay_amt payed_price pri_approved_amt pri_krw_amt price principal_amt
        purchase_amt quantity rcv_amt remain_point_amt remained_amt reserve_balance_amt
        reserve_due_amt rest_amount ret_int_amt revolving_amt reward_point scheduled_amt
        self_pay_amt settle_amt total_amount total_balance_amt total_payed_amount
        total_payment_amount total_product_price trans_amt trans_fund_num trans_num trans_unit
        unit_price withdrawable_amt withdrawal_amt withholdings_amt
    """,
    "rate": """
        agreed_pay_rate int_rate last_offered_rate ltv_rate min_pay_rate offered_rate
        self_pay_rate
    """,
    "count": """
        account_cnt approved_cnt auto_charge_seq basic_cnt bill_cnt bill_detail_cnt bond_cnt
        car_insu_cnt card_cnt charge_cnt contract_cnt count coverage_cnt coverage_num
        cur_install_cnt cur_page dc_cnt delivery_order_cnt detail_cnt fob_cnt insu_cnt insured_cnt
        insured_count int_cnt irp_cnt isa_cnt item_count last last_paid_in_cnt lending_cnt limit
        loan_cnt long_term_cnt next_repay_cnt order_cnt paid_in_cnt pay_cnt payment_cnt point_cnt
        pp_cnt prod_cnt purchase_cnt repay_cnt revolving_cnt scheduled_cnt seqno short_term_cnt
        telecom_cnt total_install_cnt total_page trans_cnt
    """,
    "date": """
        add_cycle approved_dtime base_date birth_date birth_year cancel_dtime charge_date
        charge_day charge_month chg_dt close_date collected_at contract_exp_date created_at date
        end_date exp_date first_deposit_date fnd_cycle from_date int_end_date int_start_date
        issue_date last_paid_in_date loan_dtime months next_repay_date open_date order_date
        order_date_time ordered_at paid_at paid_dtime paid_out_date pay_date pay_date_time
        pay_due_date pay_end_date pension_rcv_start_date pri_approved_dtime purchase_date
        rcv_start_date reg_date reg_dt repay_date req_date sales_date scheduled_cycle
        scheduled_date search_timestamp start_date takeover_date to_date trans_applied_month
        trans_date trans_dtime trans_month unredeemed_end unredeemed_start updated_at year_months
    """,
    "flag": """
        all_canceled all_receipted is_account_link is_auto_pay is_cash_card is_charge is_cma
        is_consent is_debt_mgmt is_execution is_foreign_deposit is_loan_long_term
        is_loan_revolving is_loan_short_term is_loanable is_minus is_own_dmg_coverage is_pay
        is_primary is_renewable is_required is_revolving is_running_pension is_scheduled
        is_stock_trans is_tax_benefits is_trans_payable is_universal is_variable is_withdrawable
    """,
    "code": """
        account_status account_type bond_type car_insu_type card_brand card_member card_type
        charge_option charge_org_code claim_status color consent_scope contract_age
        contract_driver contract_status country_code coverage_code credit_type currency_code
        ex_code gender industry init_org_code insu_status insu_type int_type irp_type
        linked_bank_code loan_type main_pay_type name order_status org_biz_code org_cd org_code
        paid_in_type pay_cycle pay_due pay_method pay_org_code pay_type payment_method
        pension_rcv_cycle point_type pos_type prev_org_code pri_currency_code prod_code prod_type
        prod_type_detail product_order_status product_order_status_type relation repay_method
        repay_org_code repay_type resource rsp_code rsp_msg saving_mehotd saving_method
        scheduled_org_code scope service_type standard_fund_code status text trans_class
        trans_org_code trans_type trans_type_detail type value version x_api_type
    """,
    "category": """
        categories category category1 category2 category3 category4 category_id category_name
        exceptional_categories trans_category whole_category_name
    """,
    "financial product": """
        car_name card_name contract_name coverage_name dc_name fob_name irp_name loan_name
        point_name pp_name prod_name
    """,
    "goods": """
        brand brand_info image img_url info_url link maker product_id product_type vendor_item_id
    """,
    "container": """
        account_list additional_data approval_list approved_domestic approved_list
        approved_overseas bank basic_list bill_detail_list bill_list body bond bond_list capital
        car car_insu_list card card_list card_payment charge_list common contract_list
        coverage_list data dc_list delivery_group_list delivery_order_list detail_list efin
        fob_list ginsu header insu insu_list insured_list int_list invest irp_list isa_list items
        lending_list loan_list long_term_list merchant meta oplease order order_list orders p2p
        pages paid_transactions pay pay_list payed_payment payment payment_list pension point_list
        pp_list prod_list product product_list product_order product_orders profile purchase_list
        response result revolving_list scheduled_list shopping short_term_list telecom
        telecom_list trans_list transactions user usury
    """,
    "position": "_parent_row_id _row_id",
}
"""Of each kind, the names, with spaces between them."""
