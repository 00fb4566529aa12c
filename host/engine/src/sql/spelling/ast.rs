//! Expressions of the syntax tree, made for what stands for something else. They have no place in the query.

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr as Ast, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, Value,
};
use datafusion_sql::sqlparser::tokenizer::Span;

/// `left op right`.
pub(in crate::sql) fn binary(left: Ast, op: BinaryOperator, right: Ast) -> Ast {
    Ast::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `(expr)`.
pub(in crate::sql) fn nested(expr: Ast) -> Ast {
    Ast::Nested(Box::new(expr))
}

/// `1`.
pub(in crate::sql) fn one() -> Ast {
    Ast::value(Value::Number("1".into(), false))
}

/// `CAST(expr AS data_type)`.
pub(in crate::sql) fn cast(expr: Ast, data_type: DataType) -> Ast {
    Ast::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `CASE WHEN condition THEN result ELSE otherwise END`.
pub(in crate::sql) fn case_when(condition: Ast, result: Ast, otherwise: Option<Ast>) -> Ast {
    Ast::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

/// A call of one of our functions.
pub(in crate::sql) fn call(name: &str, args: Vec<Ast>) -> Ast {
    let args = args.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect();
    let mut ident = Ident::new(name);
    ident.span = Span::empty();
    Ast::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(ident)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
